package infogeo

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// gaussianLift is the lift of the pair N(μ0, Σ0), N(μ1, Σ1) to the group O(d+1, d).
//
// In coordinates in which the first Gaussian is N(0, I) and the second N(m, S),
// S = R Rᵀ, the matrices
//
//	K(Ω) = [ I          0   0 ]
//	       [ mᵀ         1   0 ] · diag(R⁻ᵀ, 1, R),   Ω antisymmetric,
//	       [ Ω - mmᵀ/2  -m  I ]
//
// leave the form P (exchange of the first and the last block) invariant: Kᵀ P K = P.
// P has the eigenvalue 1 on a space of dimension d+1 and -1 on one of dimension d.
// In bases of the two, K has the blocks K11, K12, K21, K22, the symmetric A = log
// K Kᵀ the blocks 0, X, Xᵀ, 0 (it anticommutes with P), and from the polar
// decomposition K = exp(A/2) diag(O1, O2), with X = U σ Wᵀ and Y = O2ᵀ W,
//
//	K12 Y = U sinh(σ/2),   K22 Y = W cosh(σ/2),
//	X  = 2 K12 Y f Yᵀ K22ᵀ,         f = (σ/2)/(sinh(σ/2) cosh(σ/2)),
//	X' = -2 K21ᵀ K22 Y f Yᵀ         (the geodesic backwards, seen from its end).
//
// So all it takes is the singular value decomposition of the (d+1) x d matrix K12,
// in place of that of K. With T the first d rows of X and z the last one, the
// geodesic has the initial velocity μ' = z/√2, Σ' = -(T + Tᵀ)/2, and
// (T - Tᵀ)/2 is the gradient of D² = |A|²/4 = |X|²/2 = Σ σ²/2 in Ω, which vanishes
// where the lift is horizontal. The group and the spectral form are ours; K(Ω) and
// the variational problem are those of the horizontal lift.
//
// Ω is expressed in the eigenvectors of S + mmᵀ = diag(w), where the Hessian of D² is
// close to multiplication by log(w_i w_j)/(w_i w_j - 1).
type gaussianLift struct {
	d     int
	frame kernel.Matrix[float64] // F: Σ0 = F Fᵀ, S + mmᵀ diagonal
	m     []float64              // F⁻¹(μ1 - μ0)
	mq    []float64              // the same in the eigenvectors of S
	r     kernel.Matrix[float64] // R = T diag(e^l)
	te    kernel.Matrix[float64] // R⁻ᵀ = T diag(e^-l)
	logS  []float64              // l
	logW  []float64              // log w

	base12, base22 kernel.Matrix[float64] // blocks of K(0), without the last row of K12
	half           kernel.Matrix[float64] // Ω R⁻ᵀ
	k12            kernel.Matrix[float64] // (d+1) x d
	k22            kernel.Matrix[float64] // d x d
	ay             kernel.Matrix[float64] // rows [K12 y_k | y_k]
	by             kernel.Matrix[float64] // rows K22 y_k
	f, norms       []float64
	tmp            []float64
	x              kernel.Matrix[float64] // (d+1) x d
}

func newGaussianLift(d int) *gaussianLift {
	sq := func() kernel.Matrix[float64] { return kernel.NewMatrix[float64](d, d) }
	vec := func(n int) []float64 { return make([]float64, n) }
	return &gaussianLift{d: d, frame: sq(), m: vec(d), mq: vec(d), r: sq(), te: sq(), logS: vec(d), logW: vec(d),
		base12: sq(), base22: sq(), half: sq(), k12: kernel.NewMatrix[float64](d+1, d), k22: sq(),
		ay: kernel.NewMatrix[float64](d, 2*d+1), by: sq(), f: vec(d), norms: vec(d + 1), tmp: vec(2*d + 2),
		x: kernel.NewMatrix[float64](d+1, d)}
}

// set prepares the lift of a pair.
func (g *gaussianLift) set(a, b *Gaussian) {
	q := kernel.NewMatrix[float64](g.d, g.d) // rows: eigenvectors of L⁻¹ Σ1 L⁻ᵀ
	g.scales(q, a, b)
	dm := kernel.NewMatrix[float64](g.d, 1)
	kernel.SubTo(dm.Data, b.mean, a.mean)
	solveLower(a.chol, dm)
	kernel.Gemv(g.mq, 1, q, dm.Data, 0)
	turn := g.diagonalise() // rows: eigenvectors of S + mmᵀ in those of S
	kernel.Gemv(g.m, 1, turn, g.mq, 0)
	jq := kernel.NewMatrix[float64](g.d, g.d)
	kernel.Gemm(jq, 1, turn, q, 0)
	kernel.GemmNT(g.frame, 1, a.chol, jq, 0)
	g.bases(turn)
	setIdentity(columns(g.ay, g.d+1, g.d))
}

// scales computes l = log S / 2 and the eigenvectors of S = L⁻¹ Σ1 L⁻ᵀ: of S - I if
// that is small, else from the singular values of L⁻¹ L1. Both keep the relative
// accuracy of the small ones.
func (g *gaussianLift) scales(q kernel.Matrix[float64], a, b *Gaussian) {
	d := g.d
	e := kernel.NewMatrix[float64](d, d)
	kernel.SubTo(e.Data, b.cov.Data, a.cov.Data)
	solveLower(a.chol, e)
	transpose(e)
	solveLower(a.chol, e)
	if kernel.SumSq(e.Data) <= 0.25 {
		values := symmetricEigen(e, q)
		for i, v := range values {
			g.logS[i] = math.Log1p(v) / 2
		}
		return
	}
	mq := kernel.NewMatrix[float64](d, 2*d)
	copyMatrix(columns(mq, 0, d), b.chol)
	solveLower(a.chol, columns(mq, 0, d))
	setIdentity(columns(mq, d, d))
	jacobi(mq, d, g.norms, g.tmp)
	copyMatrix(q, columns(mq, d, d))
	for i := range d {
		g.logS[i] = math.Log(kernel.Nrm2(mq.Row(i)[:d]))
	}
}

// diagonalise computes log w and returns the eigenvectors of diag(e^2l) + mq mqᵀ, a
// row each.
func (g *gaussianLift) diagonalise() kernel.Matrix[float64] {
	d := g.d
	f := kernel.NewMatrix[float64](d, 2*d+1)
	for i, l := range g.logS {
		f.Set(i, i, math.Exp(l))
		f.Set(i, d, g.mq[i])
		f.Set(i, d+1+i, 1)
	}
	jacobi(f, d+1, g.norms, g.tmp)
	for i := range d {
		g.logW[i] = 2 * math.Log(kernel.Nrm2(f.Row(i)[:d+1]))
	}
	return columns(f, d+1, d)
}

// bases computes the blocks of K(0), with T = turn.
func (g *gaussianLift) bases(turn kernel.Matrix[float64]) {
	d := g.d
	for i := range d {
		for j, l := range g.logS {
			t := turn.At(i, j)
			g.r.Set(i, j, t*math.Exp(l))
			g.te.Set(i, j, t*math.Exp(-l))
			g.base12.Set(i, j, -t*math.Sinh(l))
			g.base22.Set(i, j, t*math.Cosh(l))
		}
	}
	a := g.k12.Row(d)
	kernel.GemvT(a, 1, g.te, g.m, 0)
	kernel.Ger(g.base12, -0.25, g.m, a)
	kernel.Ger(g.base22, 0.25, g.m, a)
	kernel.Scal(math.Sqrt2/2, a)
}

// eval computes X at Ω, stores the gradient of D² in grad and returns D². It allocates
// nothing and starts from the vectors Y of the last evaluation.
func (g *gaussianLift) eval(grad, omega kernel.Matrix[float64]) (d2 float64) {
	d := g.d
	kernel.Gemm(g.half, 0.5, omega, g.te, 0)
	kernel.AddTo(g.k12.Data[:d*d], g.base12.Data, g.half.Data)
	kernel.SubTo(g.k22.Data, g.base22.Data, g.half.Data)
	a, y := columns(g.ay, 0, d+1), columns(g.ay, d+1, d)
	kernel.GemmNT(a, 1, y, g.k12, 0)
	jacobi(g.ay, d+1, g.norms, g.tmp)
	kernel.GemmNT(g.by, 1, y, g.k22, 0)
	for k := range d {
		s := kernel.Nrm2(a.Row(k))
		h := math.Asinh(s) // σ/2
		d2 += 2 * h * h
		g.f[k] = 1
		if s > 0 {
			g.f[k] = h / s / math.Sqrt(1+s*s)
		}
		kernel.Scal(2*g.f[k], g.by.Row(k))
	}
	kernel.GemmTN(g.x, 1, a, g.by, 0)
	antisymmetric(grad, g.x)
	return d2
}

// backward computes X', with the vectors of the last evaluation. It overwrites the
// blocks of K.
func (g *gaussianLift) backward(x kernel.Matrix[float64]) {
	d := g.d
	// -K21ᵀ = [(R - R⁻¹ + Ω R⁻¹ ...)ᵀ; -mᵀ/√2]; K21 without its last column is
	// base12 + m aᵀ/2 - Ω R⁻ᵀ/2.
	k21 := g.k22
	kernel.SubTo(k21.Data, g.base12.Data, g.half.Data)
	kernel.Ger(k21, math.Sqrt2/2, g.m, g.k12.Row(d))
	// z_k = K21ᵀ (2 f K22 y_k), a row each
	z := columns(g.ay, 0, d+1)
	kernel.Gemm(columns(z, 0, d), -1, g.by, k21, 0)
	for k := range d {
		z.Row(k)[d] = -math.Sqrt2 / 2 * kernel.Dot(g.by.Row(k), g.m)
	}
	kernel.GemmTN(x, 1, z, columns(g.ay, d+1, d), 0)
}

// precondition replaces the antisymmetric q by its product with the initial inverse
// Hessian (w_i w_j - 1)/log(w_i w_j).
func (g *gaussianLift) precondition(q kernel.Matrix[float64]) {
	for i := range g.d {
		for j := range i {
			h := 1.0
			if l := g.logW[i] + g.logW[j]; l != 0 {
				h = math.Expm1(l) / l
			}
			v := h * q.At(i, j)
			q.Set(i, j, v)
			q.Set(j, i, -v)
		}
	}
}

// lower returns the Calvo-Oller lower bound of the distance: half the root of the sum
// of squares of the logarithms of the eigenvalues of C = [S + mmᵀ, m; mᵀ, 1], times √2.
func (g *gaussianLift) lower() float64 {
	d := g.d
	e := kernel.NewMatrix[float64](d+1, d+1) // C - I in the eigenvectors of S
	kernel.Ger(columns(e, 0, d), 1, append(g.mq[:d:d], 0), g.mq)
	for i, l := range g.logS {
		e.Data[i*(d+2)] += math.Expm1(2 * l)
		e.Set(i, d, g.mq[i])
		e.Set(d, i, g.mq[i])
	}
	sum := 0.0
	if kernel.SumSq(e.Data) <= 0.25 {
		for _, v := range symmetricEigen(e, kernel.Matrix[float64]{}) {
			sum += math.Log1p(v) * math.Log1p(v)
		}
		return math.Sqrt(sum / 2)
	}
	clear(e.Data) // C = [R m; 0 1][R m; 0 1]ᵀ
	for i, l := range g.logS {
		e.Set(i, i, math.Exp(l))
		e.Set(i, d, g.mq[i])
	}
	e.Set(d, d, 1)
	jacobi(e, d+1, g.norms, g.tmp)
	for i := range d + 1 {
		l := 2 * math.Log(kernel.Nrm2(e.Row(i)))
		sum += l * l
	}
	return math.Sqrt(sum / 2)
}

// upper returns the root of the Jeffreys divergence, KL both ways: the distance is at
// most the length of the e-geodesic, whose energy that divergence is.
func (g *gaussianLift) upper() float64 {
	j := kernel.SumSq(g.m) / 2
	for _, l := range g.logS {
		s := math.Sinh(l)
		j += 2 * s * s
	}
	// mᵀ S⁻¹ m = |R⁻¹ m|², and K12 has it in its last row, over √2
	return math.Sqrt(j + kernel.SumSq(g.k12.Row(g.d)))
}

// symmetricEigen returns the eigenvalues of a and stores the eigenvectors, a row each,
// in q unless that is empty.
func symmetricEigen(a, q kernel.Matrix[float64]) []float64 {
	var eig mat.EigenSym
	if !eig.Factorize(mat.NewSymDense(a.Rows, a.Data), q.Rows > 0) {
		panic("infogeo: the eigenvalues of a symmetric matrix did not converge")
	}
	if q.Rows > 0 {
		var v mat.Dense
		eig.VectorsTo(&v)
		for i := range q.Rows {
			mat.Col(q.Row(i), i, &v)
		}
	}
	return eig.Values(nil)
}

// transpose replaces the square m by its transpose.
func transpose(m kernel.Matrix[float64]) {
	for i := range m.Rows {
		for j := range i {
			a, b := m.At(i, j), m.At(j, i)
			m.Set(i, j, b)
			m.Set(j, i, a)
		}
	}
}

// copyMatrix stores src in dst.
func copyMatrix(dst, src kernel.Matrix[float64]) {
	for i := range dst.Rows {
		copy(dst.Row(i), src.Row(i))
	}
}
