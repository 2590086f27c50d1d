package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Regression is multinomial logistic regression with C classes and N fixed rows of d
// features as an exponential family: the labels are independent categorical variables with
// the logits θ_c·x_i, the last class the reference, so that
//
//	ψ(θ) = Σ_i log(1 + Σ_c exp(θ_c·x_i)),  T = Σ_i e_(y_i) ⊗ x_i,  η = Σ_i p_i ⊗ x_i,
//	G = Σ_i (diag p_i - p_i p_iᵀ) ⊗ x_i x_iᵀ.
//
// θ holds the rows θ_c, class after class, length (C-1)d. Fit with the target T(y) is
// maximum likelihood by Fisher scoring, which here is Newton's method and iteratively
// reweighted least squares. An intercept is a column of ones. SoftmaxRegression is the mean
// loss of the same model, with its empirical Fisher matrix and Kronecker factors.
type Regression struct {
	x      kernel.Matrix[float64]
	c      int // classes - 1
	theta  []float64
	z      kernel.Matrix[float64] // N x (C-1): probabilities of the last point
	u      kernel.Matrix[float64]
	full   []float64 // C
	eta    []float64
	psi    float64
	known  bool
	scaled kernel.Matrix[float64]
	blockG kernel.Matrix[float64]
	dense  *cholesky
	newton *newton
	ranked int
}

var _ DenseFisher = (*Regression)(nil)

// NewRegression returns the family for the features x, of which it keeps a view, and a
// number of classes. Errors wrap ErrShape and ErrInvalid.
func NewRegression(x kernel.Matrix[float64], classes int) (*Regression, error) {
	if x.Rows < 1 || x.Cols < 1 {
		return nil, fmt.Errorf("infogeo: %d x %d features, want at least one of each: %w", x.Rows, x.Cols, ErrShape)
	}
	if classes < 2 {
		return nil, fmt.Errorf("infogeo: regression with %d classes, want at least 2: %w", classes, ErrInvalid)
	}
	for i := range x.Rows {
		if j := firstNonFinite(x.Row(i)); j >= 0 {
			return nil, fmt.Errorf("infogeo: x[%d][%d] = %v, want a finite number: %w", i, j, x.Row(i)[j], ErrInvalid)
		}
	}
	c := classes - 1
	d := c * x.Cols
	return &Regression{
		x: x, c: c, theta: make([]float64, d), eta: make([]float64, d), full: make([]float64, classes), ranked: -1,
		z: kernel.NewMatrix[float64](x.Rows, c), u: kernel.NewMatrix[float64](x.Rows, c),
		scaled: kernel.NewMatrix[float64](x.Rows, x.Cols), blockG: kernel.NewMatrix[float64](x.Cols, x.Cols),
	}, nil
}

// Target stores T(y) of the labels y, from 0 to C-1, in dst. Errors wrap ErrShape and
// ErrInvalid.
func (r *Regression) Target(dst []float64, y []int) error {
	checkDims(r.Dim(), dst)
	if len(y) != r.x.Rows {
		return fmt.Errorf("infogeo: %d labels, want one a row, %d: %w", len(y), r.x.Rows, ErrShape)
	}
	clear(dst)
	for i, c := range y {
		if c < 0 || c > r.c {
			return fmt.Errorf("infogeo: label y[%d] = %d, want it from 0 to %d: %w", i, c, r.c, ErrInvalid)
		}
		if c < r.c {
			kernel.Axpy(1, r.x.Row(i), dst[c*r.x.Cols:(c+1)*r.x.Cols])
		}
	}
	return nil
}

// Deviance returns -2 log p_θ(y) for the target T(y), 2(ψ(θ) - θ·T(y)).
func (r *Regression) Deviance(theta, target []float64) float64 {
	checkDims(r.Dim(), target)
	return 2 * (r.LogPartition(theta) - kernel.Dot(theta, target))
}

// view is a parameter vector as a (C-1) x d matrix.
func (r *Regression) view(v []float64) kernel.Matrix[float64] {
	return kernel.MatrixOf(r.c, r.x.Cols, v)
}

// at makes the probabilities, eta and psi those of theta.
func (r *Regression) at(theta []float64) {
	checkDims(r.Dim(), theta)
	if r.known && same(r.theta, theta) {
		return
	}
	copy(r.theta, theta)
	kernel.GemmNT(r.z, 1, r.x, r.view(r.theta), 0)
	r.psi = 0
	for i := range r.z.Rows {
		p := r.z.Row(i)
		r.psi += Softmax(r.full, p, r.c)
		copy(p, r.full)
	}
	kernel.GemmTN(r.view(r.eta), 1, r.z, r.x, 0)
	r.known = true
}

// Dim implements Family: (C-1)d.
func (r *Regression) Dim() int { return r.c * r.x.Cols }

// LogPartition implements Family.
func (r *Regression) LogPartition(theta []float64) float64 {
	r.at(theta)
	return r.psi
}

// Mean implements Family.
func (r *Regression) Mean(dst, theta []float64) {
	checkDims(r.Dim(), dst)
	r.at(theta)
	copy(dst, r.eta)
}

// Natural implements Family, by Newton's method from 0.
func (r *Regression) Natural(dst, eta []float64) error {
	checkDims(r.Dim(), dst)
	if r.newton == nil {
		r.newton = newNewton(r)
	}
	return r.newton.invert(dst, nil, eta)
}

// iterative marks that Natural is Newton's method.
func (r *Regression) iterative() {}

// FisherMulVec implements Family.
func (r *Regression) FisherMulVec(dst, theta, v []float64) {
	checkDims(r.Dim(), dst, v)
	r.at(theta)
	kernel.GemmNT(r.u, 1, r.x, r.view(v), 0)
	for i := range r.u.Rows {
		FisherMul(r.u.Row(i), r.z.Row(i), r.u.Row(i))
	}
	kernel.GemmTN(r.view(dst), 1, r.u, r.x, 0)
}

// FisherDense implements DenseFisher.
func (r *Regression) FisherDense(dst *mat.SymDense, theta []float64) {
	n := r.Dim()
	sized(dst, n)
	r.at(theta)
	d := r.x.Cols
	for a := range r.c {
		for b := a; b < r.c; b++ {
			for i := range r.x.Rows {
				p := r.z.Row(i)
				w := -p[a] * p[b]
				if a == b {
					w = p[a] * (1 - p[a])
				}
				kernel.Axpby(w, r.x.Row(i), 0, r.scaled.Row(i))
			}
			kernel.GemmTN(r.blockG, 1, r.x, r.scaled, 0)
			for i := range d {
				for j := range d {
					if a < b || j >= i {
						dst.SetSym(a*d+i, b*d+j, r.blockG.Data[i*d+j])
					}
				}
			}
		}
	}
}

// FisherSolveVec implements Family, by a Cholesky factorization of order Dim.
func (r *Regression) FisherSolveVec(dst, theta, v []float64, damping float64) error {
	checkDims(r.Dim(), dst, v)
	if r.dense == nil {
		r.dense = newCholesky(r.Dim())
	}
	r.FisherDense(r.dense.g, theta)
	return r.dense.solve(dst, v, damping)
}

// rank returns the rank of the Fisher matrix at 0.
func (r *Regression) rank() int {
	if r.ranked < 0 {
		if r.dense == nil {
			r.dense = newCholesky(r.Dim())
		}
		r.FisherDense(r.dense.g, make([]float64, r.Dim()))
		r.ranked = r.dense.rank(0)
	}
	return r.ranked
}

// CheckNatural implements Family.
func (r *Regression) CheckNatural(theta []float64) error {
	checkDims(r.Dim(), theta)
	return checkFinite("theta", theta, ErrOutsideNaturalDomain)
}

// CheckMean implements Family: finite numbers. Whether the labels are separable, so that
// no finite maximum-likelihood estimate exists, is found out by Fit.
func (r *Regression) CheckMean(eta []float64) error {
	checkDims(r.Dim(), eta)
	return checkFinite("eta", eta, ErrOutsideMeanDomain)
}

// supportRange implements supported: the polytope of means is a sum of simplices, one a
// row.
func (r *Regression) supportRange(u []float64) (lo, hi float64) {
	kernel.GemmNT(r.u, 1, r.x, r.view(u), 0)
	for i := range r.u.Rows {
		a, b := minMax(r.u.Row(i))
		lo, hi = lo+math.Min(a, 0), hi+math.Max(b, 0)
	}
	return lo, hi
}

// ties implements supported: the differences of classes that tie in a row.
func (r *Regression) ties(u []float64, tol float64, show func([]float64)) {
	kernel.GemmNT(r.u, 1, r.x, r.view(u), 0)
	scale := tol * kernel.MaxAbs(r.u.Data)
	diff := make([]float64, r.Dim())
	for i := range r.u.Rows {
		row, first := r.u.Row(i), -2
		_, hi := minMax(row)
		hi = math.Max(hi, 0)
		for c := -1; c < r.c; c++ { // -1 is the reference class
			v := 0.0
			if c >= 0 {
				v = row[c]
			}
			switch {
			case v < hi-scale:
			case first == -2:
				first = c
			default:
				clear(diff)
				d := r.x.Cols
				copy(diff[c*d:(c+1)*d], r.x.Row(i))
				if first >= 0 {
					kernel.Axpy(-1, r.x.Row(i), diff[first*d:(first+1)*d])
				}
				show(diff)
			}
		}
	}
}
