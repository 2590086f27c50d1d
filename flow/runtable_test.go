package flow

import (
	"fmt"
	"math"
	"testing"
)

// recordedTable is a field whose i-th evaluation is the unit vector e_i, so that its
// arguments, the proposal and the error vector of a step h = 1 from 0 are the rows of
// the Runge-Kutta table that a method runs by.
type recordedTable struct {
	n    int
	a    [][]float64
	c    []float64
	caps Caps[float64]
}

func (f *recordedTable) Dim() int            { return f.n }
func (f *recordedTable) Caps() Caps[float64] { return f.caps }
func (f *recordedTable) Eval(dst, x []float64, t float64) {
	clear(dst)
	dst[len(f.a)] = 1
	f.a = append(f.a, append([]float64{}, x...))
	f.c = append(f.c, t)
}

// TestStabilisedOrderConditions checks Σ b_i Φ_i(t) = 1/γ(t) of the tables that the
// stabilised methods run by, for every number of stages that ROCK4 has, the same for
// its embedded method of order 3, and the nodes.
func TestStabilisedOrderConditions(t *testing.T) {
	all := trees(4)
	check := func(name string, a [][]float64, b []float64, order int, tol float64) {
		t.Helper()
		for _, tr := range all {
			if tr.order() > order {
				continue
			}
			sum := 0.0
			for i, v := range elementary(a, tr) {
				sum += b[i] * v
			}
			if !(math.Abs(sum-1/tr.gamma()) <= tol) {
				t.Errorf("%s: tree %v: %v, want %v", name, tr, sum, 1/tr.gamma())
			}
		}
	}
	for name, m := range stableMethods {
		stages := []int{2, 3, 5, 8, 21, 60}
		if m.rock {
			stages = nil
			for s := 5; s <= 90; s++ {
				if rock4For(s).degree+4 == s {
					stages = append(stages, s)
				}
			}
		}
		for _, s := range stages {
			f := &recordedTable{n: s + 2, caps: Caps[float64]{Radius: func([]float64, float64) float64 { return 1 }}}
			it := newStabilised[float64](f, withStages(m, s))
			x, y := make([]float64, f.n), make([]float64, f.n)
			var tr Trial
			if err := it.Init(Start[float64]{X: x, Dir: 1, Want: Want{Error: true}, Tol: Tol{Abs: 1}}, &tr); err != nil {
				t.Fatal(err)
			}
			it.Try(&tr, y, x, 0, 1)
			a := f.a
			for i := range a {
				a[i] = a[i][:len(a)]
			}
			for i, row := range a {
				sum := 0.0
				for _, v := range row {
					sum += v
				}
				if !(math.Abs(sum-f.c[i]) <= 1e-11) {
					t.Errorf("%s, %d stages: row %d sums to %v, c = %v", name, s, i, sum, f.c[i])
				}
			}
			id := fmt.Sprintf("%s, %d stages", name, s)
			check(id, a, y, m.order, 1e-11)
			if m.rock {
				bhat := append([]float64{}, y...)
				for i, e := range it.finish.e {
					for j, v := range it.vec[i] {
						bhat[j] += e * v
					}
				}
				check(id+", embedded", a, bhat, 3, 1e-11)
			}
		}
	}
}

// TestROS23OrderConditions: in the form
//
//	(I - hdJ) k_i = f(x + h Σ α_ij k_j) + hJ Σ γ_ij k_j
//
// the method has the order 2 and y + err the order 3.
func TestROS23OrderConditions(t *testing.T) {
	const d, e = ros23D, ros23E
	alpha := [][]float64{{0, 0, 0}, {0.5, 0, 0}, {0, 1, 0}}
	gamma := [][]float64{{d, 0, 0}, {-d, d, 0}, {d * (e - 2), -d * e, d}}
	// That the formulas of ros23 are this table: a step on x' = x², by both.
	f := FieldFunc(1, func(dst, x []float64, _ float64) { dst[0] = x[0] * x[0] })
	it := ODE[float64](capable[float64]{f, Caps[float64]{Autonomous: true, Jacobian: func(j, x []float64, _ float64) { j[0] = 2 * x[0] }}}, ROS23)
	var tr Trial
	x, y := []float64{1}, []float64{0}
	if err := it.Init(Start[float64]{X: x, Dir: 1, Tol: Tol{Abs: 1}}, &tr); err != nil {
		t.Fatal(err)
	}
	const h = 0.125
	it.Try(&tr, y, x, 0, h)
	k := make([]float64, 3)
	for i := range k {
		u, v := 1.0, 0.0
		for j := range i {
			u += h * alpha[i][j] * k[j]
			v += h * 2 * gamma[i][j] * k[j]
		}
		k[i] = (u*u + v) / (1 - h*d*2)
	}
	if want := 1 + h*k[1]; !(math.Abs(y[0]-want) <= 1e-15) {
		t.Errorf("y = %v, by the table %v", y[0], want)
	}
	if want := math.Abs(h / 6 * (k[0] - 2*k[1] + k[2])); !(math.Abs(tr.Err-want) <= 1e-15) {
		t.Errorf("err = %v, by the table %v", tr.Err, want)
	}
	beta := make([][]float64, 3)
	for i := range beta {
		beta[i] = make([]float64, 3)
		for j := range beta[i] {
			beta[i][j] = alpha[i][j] + gamma[i][j]
		}
	}
	for _, tr := range trees(3) {
		phi, want := rosenbrockWeights(alpha, beta, tr), 1/tr.gamma()
		if tr.order() <= 2 && !(math.Abs(phi[1]-want) <= 1e-15) {
			t.Errorf("tree %v: %v, want %v", tr, phi[1], want)
		}
		if hat := phi[1] + (phi[0]-2*phi[1]+phi[2])/6; !(math.Abs(hat-want) <= 1e-14) {
			t.Errorf("y + err, tree %v: %v, want %v", tr, hat, want)
		}
	}
}

// words is a power series in two letters that do not commute, up to words of some
// length: the coefficient of a word, letters as bits with a leading one.
type words []float64

// timesExp multiplies by exp(c·letter) from the right.
func (w words) timesExp(letter int, c float64) words {
	out := append(words{}, w...)
	for i := range w {
		// w[i]·c^k/k! goes to the word i with k letters more.
		v, at := w[i], i
		for k := 1; ; k++ {
			at = 2*at + letter
			v *= c / float64(k)
			if i == 0 || at >= len(w) {
				break
			}
			out[at] += v
		}
	}
	return out
}

// TestCompositionOrderConditions: the product of the exponentials of drifts and kicks
// is exp(D + K) for words up to the order, and not for longer ones.
func TestCompositionOrderConditions(t *testing.T) {
	for name, method := range splittings {
		m := method.(*composition)
		w := make(words, 1<<(m.order+2)) // words up to length order + 1
		w[1] = 1
		for i := range max(len(m.drifts), len(m.kicks)) {
			for _, driftTurn := range []bool{m.driftFirst, !m.driftFirst} {
				switch {
				case driftTurn && i < len(m.drifts):
					w = w.timesExp(0, m.drifts[i])
				case !driftTurn && i < len(m.kicks):
					w = w.timesExp(1, m.kicks[i])
				}
			}
		}
		order, worst := m.order, 0.0
		for i := 1; i < len(w); i++ {
			length := 0
			for v := i; v > 1; v /= 2 {
				length++
			}
			want := 1.0
			for k := 2; k <= length; k++ {
				want /= float64(k)
			}
			if e := math.Abs(w[i] - want); length <= order && !(e <= 1e-14) {
				t.Errorf("%s: coefficient of the word %b is %v, want %v", name, i, w[i], want)
			} else {
				worst = max(worst, e)
			}
		}
		if worst < 1e-8 {
			t.Errorf("%s has order %d at least, says %d", name, order+1, order)
		}
	}
}
