package deq

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// HutchinsonPenalty estimates the mean of |J_r|_F²/n at the rows of z over the
// samples, for maps of one's own (Dense.JacobianPenalty is exact): the mean of
// |J v|²/n over that many standard normal vectors v for each sample, a function of
// the seed (M. F. Hutchinson, Commun. Stat. Simul. 18 (1989); arXiv 2106.14342). The
// second result is the standard error. Errors wrap ErrArgument, ErrEmpty or
// ErrNotFinite.
func HutchinsonPenalty[T flow.Float](f Tangent[T], z kernel.Matrix[T], vectors int, seed uint64) (mean, stderr float64, err error) {
	n, batch := f.Dim(), z.Rows
	if z.Cols != n {
		panic(fmt.Sprintf("deq: z is %d x %d, want rows of Dim() = %d", z.Rows, z.Cols, n))
	}
	if vectors < 2 {
		return 0, 0, fmt.Errorf("deq: vectors = %d, want at least 2: %w", vectors, ErrArgument)
	}
	if batch == 0 || n == 0 {
		return 0, 0, fmt.Errorf("deq: z is %d x %d: %w", batch, n, ErrEmpty)
	}
	if err := checkMatrix(z, "z"); err != nil {
		return 0, 0, err
	}
	rows, points := make([]int, batch), kernel.NewMatrix[T](batch, n)
	for i := range rows {
		rows[i] = i
		copy(points.Row(i), z.Row(i))
	}
	f.Linearize(points.Data, rows)
	v, jv := make([]T, batch*n), make([]T, batch*n)
	stream := philox.Stream{Seed: seed}
	var sum, square float64
	for k := range vectors {
		philox.FillNormals(v, stream, philox.Starts, uint64(k))
		f.JacVec(jv, v, rows)
		x := kernel.SumSq(jv) / float64(batch*n)
		sum += x
		square += x * x
	}
	m := float64(vectors)
	mean = sum / m
	return mean, math.Sqrt(max(0, square/m-mean*mean) / (m - 1)), nil
}
