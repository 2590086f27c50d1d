package infogeo

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Coords names the coordinates in which a distribution on K states is a state
// vector. n = K-1; coordinates of length n skip the reference state.
type Coords int

const (
	// OwnCoords are the coordinates in which the field has its simplest form: θ for
	// EuclideanTheta, η for EuclideanEta, logits for EuclideanLogits, and for the
	// natural gradient those in which it is linear, η for Forward and θ for Reverse.
	OwnCoords Coords = iota
	// ThetaCoords are the natural coordinates θ, n of them.
	ThetaCoords
	// EtaCoords are the expectation coordinates η, n of them.
	EtaCoords
	// LogitCoords are K logits z, p = softmax(z).
	LogitCoords
	// DeviationCoords are τ = θ - θ_q, n of them. With a purely relative tolerance
	// they follow a flow down to losses of 1e-300.
	DeviationCoords
)

var coordNames = [...]string{"own", "theta", "eta", "logits", "deviation"}

// String returns own, theta, eta, logits or deviation.
func (c Coords) String() string {
	if c < 0 || int(c) >= len(coordNames) {
		return fmt.Sprintf("Coords(%d)", int(c))
	}
	return coordNames[c]
}

// KLFlowOptions says which flow NewKLFlow makes. The zero value is the natural
// gradient flow of KL(q‖p) in η.
type KLFlowOptions struct {
	Loss     Loss     // Forward: KL(q‖p); Reverse: KL(p‖q)
	Geometry Geometry // metric in which the gradient is taken
	Coords   Coords   // coordinates of the state
	// Affine is the row-major n x n matrix A of a change of dual coordinates
	// η~ = A η, θ~ = A^-T θ, unless it is nil: EuclideanEta and EuclideanTheta then
	// are gradients in η~ and θ~, that is η' = -(AᵀA)⁻¹ ∇_η L and
	// θ' = -AᵀA ∇_θ L. Other geometries do not take it. See Whitening.
	Affine []float64
}

// KLFlow is a gradient flow of a Kullback-Leibler divergence to a target q on the
// open simplex of K states,
//
//	forward, L = KL(q‖p), δ = η - η_q:  θ' = -δ  (θ),  η' = -δ  (natural),  η' = -G⁻¹δ  (η)
//	reverse, L = KL(p‖q), τ = θ - θ_q:  θ' = -Gτ (θ),  θ' = -τ  (natural),  η' = -τ     (η)
//
// and z' = -∇_z L for logits, pushed forward to the coordinates of the state: what
// flow is followed does not depend on Coords. It implements flow.EnergyField with
// the divergence as energy, summed as KL does. Outside the simplex (which only
// EtaCoords can leave) the field is NaN, so that an integrator shortens its step; so are
// fields that divide by the probabilities (natural in θ and logits, η) where one of
// them is too small for a number, as at logits of ±800.
//
// In its own coordinates, and the natural flow in θ and η, the Jacobian is diagonal
// plus rank one or two, and Caps offers products, O(n) solves with I - sJ and a bound
// on its spectral radius. A KLFlow holds scratch memory: one value per goroutine.
type KLFlow[T flow.Float] struct {
	opt     KLFlowOptions
	ref     int
	pt      *point[T]
	g, v, w []T
	metric  []float64 // AᵀA or its inverse, row-major
	jac     lowRank[T]
}

// NewKLFlow makes the flow to the target q with the reference state ref, as an
// index into q. The error wraps ErrInvalid, or ErrBoundary if a probability is zero.
func NewKLFlow[T flow.Float](q []T, ref int, o KLFlowOptions) (*KLFlow[T], error) {
	if err := checkInterior("q", q); err != nil {
		return nil, err
	}
	if err := checkState(ref, len(q)); err != nil {
		return nil, err
	}
	if o.Loss != Forward && o.Loss != Reverse {
		return nil, fmt.Errorf("infogeo: Loss = %v, want Forward or Reverse: %w", o.Loss, ErrInvalid)
	}
	if o.Geometry < Natural || o.Geometry > EuclideanLogits {
		return nil, fmt.Errorf("infogeo: Geometry = %v, want one of the four: %w", o.Geometry, ErrInvalid)
	}
	if o.Coords < OwnCoords || o.Coords > DeviationCoords {
		return nil, fmt.Errorf("infogeo: Coords = %v, want one of the five: %w", o.Coords, ErrInvalid)
	}
	if o.Coords == OwnCoords {
		o.Coords = ownCoords(o.Loss, o.Geometry)
	}
	last := slices.Clone(q)
	toLast(last, q, ref)
	k := len(q)
	f := &KLFlow[T]{opt: o, ref: ref, pt: newPoint(last), g: make([]T, k), v: make([]T, k), w: make([]T, k)}
	if err := f.useAffine(); err != nil {
		return nil, err
	}
	f.jac.init(f)
	return f, nil
}

func ownCoords(l Loss, g Geometry) Coords {
	switch {
	case g == EuclideanTheta, g == Natural && l == Reverse:
		return ThetaCoords
	case g == EuclideanLogits:
		return LogitCoords
	}
	return EtaCoords
}

// toLast copies src to dst with the element ref moved to the end.
func toLast[T any](dst, src []T, ref int) {
	x := src[ref]
	copy(dst, src[:ref])
	copy(dst[ref:], src[ref+1:])
	dst[len(dst)-1] = x
}

// fromLast undoes toLast.
func fromLast[T any](dst, src []T, ref int) {
	x := src[len(src)-1]
	copy(dst[ref+1:], src[ref:len(src)-1])
	copy(dst[:ref], src[:ref])
	dst[ref] = x
}

// useAffine computes the metric of the affine coordinates.
func (f *KLFlow[T]) useAffine() error {
	a, n := f.opt.Affine, f.pt.n
	if a == nil {
		return nil
	}
	if g := f.opt.Geometry; g != EuclideanTheta && g != EuclideanEta {
		return fmt.Errorf("infogeo: Affine with the geometry %v, want Euclidean in theta or eta: %w", g, ErrInvalid)
	}
	if len(a) != n*n {
		return fmt.Errorf("infogeo: len(Affine) is %d, want n² = %d: %w", len(a), n*n, ErrShape)
	}
	if !kernel.AllFinite(a) {
		return fmt.Errorf("infogeo: Affine holds NaN or Inf: %w", ErrInvalid)
	}
	m := mat.NewDense(n, n, a)
	var ata mat.SymDense
	ata.SymOuterK(1, m.T())
	var chol mat.Cholesky
	if !chol.Factorize(&ata) || chol.Cond() > 1e14 {
		return fmt.Errorf("infogeo: Affine is singular to working precision: %w", ErrInvalid)
	}
	if f.opt.Geometry == EuclideanEta {
		if err := chol.InverseTo(&ata); err != nil {
			return fmt.Errorf("infogeo: Affine: %v: %w", err, ErrInvalid)
		}
	}
	f.metric = make([]float64, n*n)
	for i := range n {
		for j := range n {
			f.metric[i*n+j] = ata.At(i, j)
		}
	}
	return nil
}

// Dim implements flow.Field: n, or K in LogitCoords.
func (f *KLFlow[T]) Dim() int {
	if f.opt.Coords == LogitCoords {
		return f.pt.n + 1
	}
	return f.pt.n
}

// Options returns the options of the flow, with OwnCoords resolved.
func (f *KLFlow[T]) Options() KLFlowOptions { return f.opt }

// Eval implements flow.Field.
func (f *KLFlow[T]) Eval(dst, x []T, t float64) { f.eval(dst, x) }

// EvalEnergy implements flow.EnergyField: the energy is the divergence.
func (f *KLFlow[T]) EvalEnergy(dst, x []T, t float64) (e, slope float64) {
	if dst == nil {
		f.pt.set(f.opt.Coords, x, false)
		return f.pt.loss(f.opt.Loss), math.NaN()
	}
	slope = f.eval(dst, x)
	return f.pt.loss(f.opt.Loss), slope
}

// EnergyGrad implements flow.Energy: it stores the gradient of the divergence in
// the coordinates of the state, which is what the Euclidean geometry of these
// coordinates descends.
func (f *KLFlow[T]) EnergyGrad(grad, x []T) float64 {
	pt, n := f.pt, f.pt.n
	pt.set(f.opt.Coords, x, grad != nil && f.opt.Loss == Reverse)
	if grad == nil {
		return pt.loss(f.opt.Loss)
	}
	switch f.opt.Coords {
	case EtaCoords:
		if f.opt.Loss == Reverse {
			copy(grad, pt.tau)
		} else {
			f.scoreTo(grad, pt.delta)
		}
	case LogitCoords:
		f.thetaGrad(grad)
	default:
		f.thetaGrad(f.g)
		copy(grad, f.g[:n])
	}
	if !pt.ok {
		kernel.Scal(T(math.NaN()), grad)
	}
	return pt.loss(f.opt.Loss)
}

// thetaGrad stores ∇_θ L, and the component of the reference state that makes it
// the gradient in the logits, in g (K): δ or G τ.
func (f *KLFlow[T]) thetaGrad(g []T) {
	if f.opt.Loss == Forward {
		copy(g, f.pt.delta)
		return
	}
	f.pushEta(g, f.pt.tau)
}

// pushEta stores G v in dst (K), for a tangent vector v in θ (n).
func (f *KLFlow[T]) pushEta(dst, v []T) {
	pt, n := f.pt, f.pt.n
	m := kernel.Dot(pt.eta(), v)
	for i, p := range pt.eta() {
		dst[i] = 2 * (p * (v[i]/2 - m/2)) // the difference itself may overflow
	}
	dst[n] = -pt.pr() * m
}

// scoreTo stores G⁻¹ v = v_i/p_i - v_r/p_r in dst (n), for a tangent vector v of
// the simplex (K, sum 0).
func (f *KLFlow[T]) scoreTo(dst, v []T) {
	pt, n := f.pt, f.pt.n
	c := v[n] / pt.pr()
	for i, p := range pt.eta() {
		dst[i] = v[i]/p - c
	}
}

// eval stores the field and returns its slope.
func (f *KLFlow[T]) eval(dst, x []T) (slope float64) {
	pt, n := f.pt, f.pt.n
	pt.set(f.opt.Coords, x, f.opt.Loss == Reverse)
	if !pt.ok {
		for i := range dst {
			dst[i] = T(math.NaN())
		}
		return math.NaN()
	}
	switch f.opt.Geometry {
	case EuclideanTheta:
		f.thetaGrad(f.g)
		slope = f.descend(f.g[:n], f.v[:n])
		f.fromTheta(dst, f.v[:n])
	case EuclideanLogits:
		f.thetaGrad(f.g)
		slope = f.descend(f.g, f.v)
		if f.opt.Coords == LogitCoords {
			copy(dst, f.v)
			break
		}
		z := f.v[n]
		for i, v := range f.v[:n] {
			f.v[i] = v - z
		}
		f.fromTheta(dst, f.v[:n])
	case EuclideanEta:
		if f.opt.Loss == Forward {
			f.scoreTo(f.g[:n], pt.delta)
		} else {
			copy(f.g, pt.tau)
		}
		slope = f.descend(f.g[:n], f.v[:n])
		f.v[n] = T(-kernel.Sum(f.v[:n]))
		f.fromEta(dst, f.v)
	default:
		slope = f.natural(dst)
	}
	return slope
}

// natural stores the natural gradient flow and returns its slope.
func (f *KLFlow[T]) natural(dst []T) (slope float64) {
	pt, n := f.pt, f.pt.n
	if f.opt.Loss == Forward {
		for i, d := range pt.delta {
			slope -= float64(d) * (float64(d) / float64(pt.p[i]))
			f.v[i] = -d
		}
		f.fromEta(dst, f.v)
		return slope
	}
	f.pushEta(f.g, pt.tau)
	for i, v := range pt.tau {
		f.v[i] = -v
	}
	f.fromTheta(dst, f.v[:n])
	return float64(kernel.Dot(f.v[:n], f.g[:n]))
}

// descend stores v = -M g, M being the metric of the coordinates, and returns g·v.
func (f *KLFlow[T]) descend(g, v []T) float64 {
	if f.metric == nil {
		for i, d := range g {
			v[i] = -d
		}
		return -kernel.SumSq(g)
	}
	n := len(g)
	for i := range v {
		var s float64
		for j, m := range f.metric[i*n : (i+1)*n] {
			s += m * float64(g[j])
		}
		v[i] = T(-s)
	}
	return float64(kernel.Dot(g, v))
}

// fromTheta converts a velocity in θ (n) to the coordinates of the state; a velocity
// of the logits is fixed by keeping their mean.
func (f *KLFlow[T]) fromTheta(dst, v []T) {
	switch f.opt.Coords {
	case EtaCoords:
		f.pushEta(f.w, v)
		copy(dst, f.w)
	case LogitCoords:
		m := T(kernel.Sum(v) / float64(len(dst)))
		for i, u := range v {
			dst[i] = u - m
		}
		dst[len(v)] = -m
	default:
		copy(dst, v)
	}
}

// fromEta converts a velocity of all K probabilities.
func (f *KLFlow[T]) fromEta(dst, v []T) {
	if f.opt.Coords == EtaCoords {
		copy(dst, v)
		return
	}
	f.scoreTo(f.w[:f.pt.n], v)
	f.fromTheta(dst, f.w[:f.pt.n])
}

// FromP stores the coordinates of the distribution p in x. The error wraps
// ErrInvalid, or ErrBoundary if a probability is zero. It panics if the lengths do
// not fit.
func (f *KLFlow[T]) FromP(x, p []T) error {
	checkLens(f.pt.n+1, len(p))
	checkLens(f.Dim(), len(x))
	if err := checkInterior("p", p); err != nil {
		return err
	}
	toLast(f.w, p, f.ref)
	switch f.opt.Coords {
	case EtaCoords:
		copy(x, f.w)
	case LogitCoords:
		kernel.Log(x, f.w)
	case ThetaCoords:
		thetaOf(x, f.w, f.pt.n)
	case DeviationCoords:
		f.pt.set(EtaCoords, f.w[:f.pt.n], true)
		copy(x, f.pt.tau)
	}
	return nil
}

// P stores the distribution with the coordinates x in p, all K states in the order
// of the target. It panics if the lengths do not fit.
func (f *KLFlow[T]) P(p, x []T) {
	checkLens(f.pt.n+1, len(p))
	checkLens(f.Dim(), len(x))
	f.pt.set(f.opt.Coords, x, false)
	fromLast(p, f.pt.p, f.ref)
}

// HasExact says whether Exact knows the flow: the natural one.
func (f *KLFlow[T]) HasExact() bool { return f.opt.Geometry == Natural }

// Exact stores in dst the state at time t of the natural gradient flow that starts
// at x0, in closed form: p = q + e^-t (p(0)-q) for Forward, a mixture geodesic, and
// θ = θ_q + e^-t (θ(0)-θ_q) for Reverse, an exponential geodesic. dst may be x0.
// The error wraps ErrInvalid for other geometries; negative times that leave the
// simplex give a *LeftDomainError.
func (f *KLFlow[T]) Exact(dst, x0 []T, t float64) error {
	if !f.HasExact() {
		return fmt.Errorf("infogeo: no closed form of the flow that is %v: %w", f.opt.Geometry, ErrInvalid)
	}
	pt, n := f.pt, f.pt.n
	pt.set(f.opt.Coords, x0, f.opt.Loss == Reverse)
	if f.opt.Loss == Reverse {
		kernel.Scal(T(math.Exp(-t)), pt.tau)
		if f.opt.Coords == DeviationCoords {
			copy(dst, pt.tau)
			return nil
		}
		kernel.AddTo(f.w[:n], pt.thetaQ, pt.tau)
		if f.opt.Coords == ThetaCoords {
			copy(dst, f.w[:n])
			return nil
		}
		Softmax(f.v, f.w[:n], n)
	} else {
		kernel.AxpyTo(f.v, T(math.Exp(-t)), pt.delta, pt.q)
	}
	for i, v := range f.v {
		if !(v > 0) {
			return &LeftDomainError{Index: i, Value: float64(v)}
		}
	}
	switch f.opt.Coords {
	case EtaCoords:
		copy(dst, f.v[:n])
	case LogitCoords:
		kernel.Log(dst, f.v)
	case ThetaCoords:
		thetaOf(dst, f.v, n)
	case DeviationCoords:
		// r = e^-t (p(0)-q)/q is known without the difference p - q.
		e := T(math.Exp(-t))
		r := math.Log1p(float64(e * pt.delta[n] / pt.q[n]))
		for i := range dst {
			dst[i] = T(math.Log1p(float64(e*pt.delta[i]/pt.q[i])) - r)
		}
	}
	return nil
}

// Direction stores the unit vector along which the natural gradient flow runs, and
// which it conserves: that of η - η_q for Forward, of θ - θ_q for Reverse. It is NaN
// at the target. dst has n elements.
func (f *KLFlow[T]) Direction(dst, x []T) {
	pt := f.pt
	checkLens(pt.n, len(dst))
	pt.set(f.opt.Coords, x, f.opt.Loss == Reverse)
	d := pt.delta[:pt.n]
	if f.opt.Loss == Reverse {
		d = pt.tau
	}
	copy(dst, d)
	kernel.Scal(T(1/kernel.Nrm2(d)), dst)
}

// Whitening returns the symmetric A = (c G_q)^(-1/2), row-major n x n: in the affine
// coordinates η~ = A η, θ~ = A^-T θ the Hessians at q are c I and I/c, so that the
// Euclidean flow in η~ has the rate 2c, that in θ~ 2/c, for either loss. The error
// wraps ErrInvalid or ErrBoundary.
func Whitening(q []float64, ref int, c float64) ([]float64, error) {
	if err := checkInterior("q", q); err != nil {
		return nil, err
	}
	if err := checkState(ref, len(q)); err != nil {
		return nil, err
	}
	if !(c > 0) || math.IsInf(c, 1) {
		return nil, fmt.Errorf("infogeo: c = %v, want a finite number > 0: %w", c, ErrInvalid)
	}
	n := len(q) - 1
	eta := make([]float64, n)
	skip(eta, q, ref)
	g := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			g.SetSym(i, j, -eta[i]*eta[j])
		}
		g.SetSym(i, i, eta[i]*(1-eta[i]))
	}
	var es mat.EigenSym
	if !es.Factorize(g, true) {
		return nil, fmt.Errorf("infogeo: eigenvalues of the Fisher matrix: %w", ErrNoConvergence)
	}
	var v mat.Dense
	es.VectorsTo(&v)
	a := make([]float64, n*n)
	for k, l := range es.Values(nil) {
		if !(l > 0) {
			return nil, fmt.Errorf("infogeo: eigenvalue %d of the Fisher matrix is %v to working precision: %w", k, l, ErrSingularFisher)
		}
		s := 1 / math.Sqrt(c*l)
		for i := range n {
			kernel.Axpy(s*v.At(i, k), mat.Col(nil, k, &v), a[i*n:(i+1)*n])
		}
	}
	return a, nil
}
