package game

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/internal/philox"
)

// All derivatives of both games against central differences of the derivatives one
// order lower.
func TestFiniteGamesDerivatives(t *testing.T) {
	src := rand.New(philox.NewSource(15, 0))
	for _, shape := range [][]int{{2, 2}, {3, 2}, {2, 3, 2}, {3}, {2, 2, 2, 2}} {
		f := randomFinite(t, src, shape...)
		for name, g := range map[string]FullGame{"multilinear": f.Multilinear(), "softmax": f.Softmax()} {
			n, players := Dim(g), len(shape)
			x := make([]float64, n)
			for k := range x {
				x[k] = src.NormFloat64()
			}
			const h = 1e-5
			differences := func(out int, of func(dst, x []float64)) *mat.Dense {
				d, up, down := mat.NewDense(out, n, nil), make([]float64, out), make([]float64, out)
				for k := range x {
					at := x[k]
					x[k] = at + h
					of(up, x)
					x[k] = at - h
					of(down, x)
					x[k] = at
					for i := range out {
						d.Set(i, k, (up[i]-down[i])/(2*h))
					}
				}
				return d
			}
			near := func(what string, got, want mat.Matrix) {
				t.Helper()
				if !mat.EqualApprox(got, want, 1e-8) {
					t.Errorf("%s %v: %s\n%v\nwant\n%v", name, shape, what, mat.Formatted(got), mat.Formatted(want))
				}
			}
			loss, field, jac := differences(players, g.Losses), mat.NewVecDense(n, nil), mat.NewDense(n, n, nil)
			g.Field(field.RawVector().Data, x)
			at := 0
			for i, d := range shape {
				grad := mat.NewVecDense(n, nil)
				g.Gradient(grad.RawVector().Data, i, x)
				near("gradient", grad.T(), loss.Slice(i, i+1, 0, n))
				near("field", field.SliceVec(at, at+d), grad.SliceVec(at, at+d))
				hess, own := mat.NewSymDense(n, nil), mat.NewSymDense(d, nil)
				g.Hessian(hess, i, x)
				want := differences(n, func(dst, x []float64) { g.Gradient(dst, i, x) })
				near("Hessian", hess, want)
				g.OwnHessian(own, i, x)
				near("own Hessian", own, want.Slice(at, at+d, at, at+d))
				at += d
			}
			g.Jacobian(jac, x)
			near("Jacobian", jac, differences(n, g.Field))
			u, ju, want := mat.NewVecDense(n, nil), mat.NewVecDense(n, nil), mat.NewVecDense(n, nil)
			for k := range n {
				u.SetVec(k, src.NormFloat64())
			}
			g.JVP(ju.RawVector().Data, x, u.RawVector().Data)
			want.MulVec(jac, u)
			near("JVP", ju, want)
			g.VJP(ju.RawVector().Data, x, u.RawVector().Data)
			want.MulVec(jac.T(), u)
			near("VJP", ju, want)
			if name == "multilinear" && math.Abs(mat.Trace(jac)) > 0 {
				t.Errorf("div ξ = %v, want 0", mat.Trace(jac))
			}
			clone := g.(Cloner).Clone()
			clone.Field(ju.RawVector().Data, x)
			near("field of a copy", ju, field)
		}
	}
}
