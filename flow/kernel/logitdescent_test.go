package kernel_test

import (
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// testLogitDescent compares a step with its parts, for rows of all lengths, with gaps and
// without, which hold logits far from each other and targets of zero.
func testLogitDescent[T kernel.Float](t *testing.T) {
	r, eps := rng(90), math.Nextafter(1, 2)-1
	if T(1)+T(eps) == 1 {
		eps = 0x1p-23
	}
	const rows, alpha = 9, 0.3
	for cols := range 40 {
		for _, gap := range []int{0, 3} {
			var m [3]kernel.Matrix[T] // z, q, p
			for i := range m {
				m[i] = kernel.NewMatrix[T](rows, cols+gap)
				m[i].Cols = cols
			}
			z, q, p := m[0], m[1], m[2]
			for i := range z.Data {
				z.Data[i], q.Data[i] = T(3*r.NormFloat64()), T(r.Float64())
			}
			if cols > 2 {
				q.Row(1)[2] = 0
				z.Row(2)[1] = 800
				z.Row(3)[0], q.Row(3)[0] = -1e4, 0
				copy(q.Row(4), z.Row(4))
				kernel.SoftmaxRows(kernel.MatrixOf(1, cols, q.Row(4))) // the optimum
				z.Row(5)[1] = T(math.NaN())
			}
			start, soft := append([]T(nil), z.Data...), kernel.NewMatrix[T](rows, cols)
			for i := range rows {
				copy(soft.Row(i), z.Row(i))
			}
			kernel.SoftmaxRows(soft)
			loss := make([]float64, rows)
			kernel.LogitDescentRows(loss, z, q, p, alpha)
			for i := range rows {
				want := kernel.RelativeEntropy(q.Row(i), soft.Row(i))
				if loss[i] != want && !(loss[i] != loss[i] && want != want) {
					t.Fatalf("%d columns, gap %d, row %d: loss %v, want %v", cols, gap, i, loss[i], want)
				}
				for j, s := range soft.Row(i) {
					if p.Row(i)[j] != s && s == s {
						t.Fatalf("%d columns, gap %d: p[%d][%d] = %v, want %v", cols, gap, i, j, p.Row(i)[j], s)
					}
					from := float64(start[i*(cols+gap)+j])
					to, got := from+alpha*(float64(q.Row(i)[j])-float64(s)), float64(z.Row(i)[j])
					if !(math.Abs(got-to) <= eps*(1+math.Abs(from))) && to == to {
						t.Fatalf("%d columns, gap %d: z[%d][%d] = %v, want %v", cols, gap, i, j, got, to)
					}
				}
				for j := cols; j < cols+gap; j++ { // the gaps stay
					if o := i*(cols+gap) + j; z.Data[o] != start[o] || p.Data[o] != 0 {
						t.Fatalf("%d columns: wrote into the gap of row %d", cols, i)
					}
				}
			}
		}
	}
}

func TestLogitDescentRows(t *testing.T) {
	both(t, testLogitDescent[float64], testLogitDescent[float32])
}

func BenchmarkLogitDescentRows(b *testing.B) {
	const rows, cols = 10000, 16
	z, q, p := kernel.NewMatrix[float64](rows, cols), kernel.NewMatrix[float64](rows, cols), kernel.NewMatrix[float64](rows, cols)
	for i := range q.Data {
		q.Data[i] = 1 / float64(cols)
	}
	loss := make([]float64, rows)
	b.ReportAllocs()
	for b.Loop() {
		kernel.LogitDescentRows(loss, z, q, p, 1)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows/cols, "ns/element")
}
