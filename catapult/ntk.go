package catapult

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/nn"
	"gonum.org/v1/gonum/mat"
)

// NTK stores the neural tangent kernel of the net's data at theta,
//
//	Θ = J Jᵀ/m   (mK x mK, rows and columns (sample, output) with outputs fastest),
//
// in dst, which is given that size if it is empty (arXiv 1806.07572; the 1/m is
// inside, so that gradient descent is linearly stable for ηλ_max(Θ) < 2). It
// uses
//
//	Θ_(αk)(βk') = 1/m Σ_l (s_l² H_{l-1,α}·H_{l-1,β} + t²) D^k_{l,α}·D^k'_{l,β},
//
// D^k_l = ∂f_k/∂Z_l, s_l and t the scales of weights and biases, so that J is
// never formed. For its largest eigenvalue see Sharpness.
func (n *Net[T]) NTK(dst *mat.SymDense, theta []T) {
	mk := n.Samples() * n.Outputs()
	if dst.IsEmpty() {
		dst.ReuseAsSym(mk)
	}
	if dst.SymmetricDim() != mk {
		panic(fmt.Sprintf("catapult: dst is %d x %d, want %d x %d", dst.SymmetricDim(), dst.SymmetricDim(), mk, mk))
	}
	k := n.denseNTK(theta)
	for i := range mk {
		for j, v := range k.Row(i)[i:] {
			dst.SetSym(i, i+j, float64(v))
		}
	}
}

// ntkMemory is the scratch memory of the dense tangent kernel.
type ntkMemory[T flow.Float] struct {
	gram      kernel.Matrix[T] // X Xᵀ, which never changes
	hh, dd, k kernel.Matrix[T]
	outputDerivs[T]
}

// outputDerivs is the memory of outputDeltas.
type outputDerivs[T flow.Float] struct {
	deltas []kernel.Matrix[T] // D_l of every layer, mK x n_l
	seed   kernel.Matrix[T]
}

// denseNTK returns Θ, a view that the next call overwrites. It allocates at the
// first call only.
func (n *Net[T]) denseNTK(theta []T) kernel.Matrix[T] {
	m := n.Samples()
	ws := n.full.At(theta)
	s := n.ntkMemory()
	n.outputDeltas(ws, &s.outputDerivs)
	clear(s.k.Data)
	for l := 1; l <= n.Layers(); l++ {
		scale, shift := n.mlp.Scale(l)
		if !n.cfg.Bias {
			shift = 0
		}
		hh := s.gram
		if l > 1 {
			hh = s.hh
			kernel.Syrk(hh, 1, ws.Input(l), 0)
		}
		kernel.Syrk(s.dd, 1, s.deltas[l-1], 0)
		s.add(hh, T(scale*scale/float64(m)), T(shift*shift/float64(m)))
	}
	return s.k
}

func (n *Net[T]) ntkMemory() *ntkMemory[T] {
	if n.ntk != nil {
		return n.ntk
	}
	m, k := n.Samples(), n.Outputs()
	n.ntk = &ntkMemory[T]{
		gram: kernel.NewMatrix[T](m, m), hh: kernel.NewMatrix[T](m, m),
		dd: kernel.NewMatrix[T](m*k, m*k), k: kernel.NewMatrix[T](m*k, m*k),
		outputDerivs: n.newDerivs(),
	}
	kernel.Syrk(n.ntk.gram, 1, n.data.X, 0)
	return n.ntk
}

func (n *Net[T]) newDerivs() outputDerivs[T] {
	m, k := n.Samples(), n.Outputs()
	s := outputDerivs[T]{seed: kernel.NewMatrix[T](m, k)}
	for _, width := range n.cfg.Sizes[1:] {
		s.deltas = append(s.deltas, kernel.NewMatrix[T](m*k, width))
	}
	return s
}

// add adds (a H Hᵀ + b) D Dᵀ of a layer, entry by entry, to Θ.
func (s *ntkMemory[T]) add(hh kernel.Matrix[T], a, b T) {
	m := hh.Rows
	k := s.k.Rows / m
	for i := range s.k.Rows {
		h, d, row := hh.Row(i/k), s.dd.Row(i), s.k.Row(i)
		if k == 1 && b == 0 {
			kernel.MulTo(d, d, h)
			kernel.Axpy(a, d, row)
			continue
		}
		for j, v := range h {
			c := a*v + b
			for q := j * k; q < (j+1)*k; q++ {
				row[q] += c * d[q]
			}
		}
	}
}

// outputDeltas computes D_l of every layer, mK x n_l, rows (sample, output).
func (n *Net[T]) outputDeltas(ws *nn.Workspace[T], s *outputDerivs[T]) {
	m, k, last := n.Samples(), n.Outputs(), n.Layers()-1
	for out := range k {
		clear(s.seed.Data)
		for i := range m {
			s.seed.Set(i, out, 1)
			copy(s.deltas[last].Row(i*k+out), s.seed.Row(i))
		}
		ws.VJP(nil, s.seed)
		for l := range last {
			d := ws.Cotangent(l + 1)
			for i := range m {
				copy(s.deltas[l].Row(i*k+out), d.Row(i))
			}
		}
	}
}

// NTKVec stores Θ u = J (Jᵀ u)/m in dst, both of length mK, by one backward and
// one forward pass, without forming Θ. dst may be u.
func (n *Net[T]) NTKVec(dst, theta, u []T) {
	g := n.vec[0]
	n.full.VJP(g, theta, u)
	jv := n.full.JVP(theta, g)
	kernel.Axpby(1/T(n.Samples()), jv.Data, 0, dst)
}

// AGOP stores the average gradient outer product 1/m Σ_α G_αᵀ G_α, G_α = ∂f/∂x
// (K x n_0) at sample α, in dst (n_0 x n_0): the inputs' directions to which the
// network responds (arXiv 2306.04815). It allocates.
func (n *Net[T]) AGOP(dst kernel.Matrix[T], theta []T) {
	derivs := n.newDerivs()
	n.outputDeltas(n.full.At(theta), &derivs)
	first := derivs.deltas[0]
	w, _ := n.Weights(theta, 1)
	s, _ := n.mlp.Scale(1)
	g := kernel.NewMatrix[T](first.Rows, w.Cols)
	kernel.Gemm(g, T(s), first, w, 0)
	kernel.SyrkT(dst, 1/T(n.Samples()), g, 0)
}

// ActiveUnits returns how many of the hidden units are active, h > 0, over all
// samples and hidden layers, and how many there are.
func (n *Net[T]) ActiveUnits(theta []T) (active, total int) {
	ws := n.full.At(theta)
	for l := 1; l < n.Layers(); l++ {
		h := ws.Hidden(l)
		for _, v := range h.Data {
			if v > 0 {
				active++
			}
		}
		total += len(h.Data)
	}
	return active, total
}

// ActiveFraction is active/total of ActiveUnits, 1 for a net without hidden
// layers. It falls with the learning rate: networks that went through a catapult
// are sparser.
func (n *Net[T]) ActiveFraction(theta []T) float64 {
	active, total := n.ActiveUnits(theta)
	if total == 0 {
		return 1
	}
	return float64(active) / float64(total)
}

// Alignment returns |H·∂L/∂H| / (|H| |∂L/∂H|), Frobenius products over the full
// data, of the activations H_l of each hidden layer l = 1..L-1 with the loss's
// derivative: the diagnostic of the discussion of arXiv 2003.02218, which in the
// warm-up model is √n|f|/(|u||v|). It is 0 where one of the two vanishes. It
// allocates.
func (n *Net[T]) Alignment(theta []T) []float64 {
	ws := n.full.Back(theta)
	a := make([]float64, n.Layers()-1)
	for l := range a {
		h := ws.Hidden(l + 1)
		g := kernel.NewMatrix[T](h.Rows, h.Cols)
		ws.ActivationGrad(g, l+1)
		if norm := kernel.Nrm2(h.Data) * kernel.Nrm2(g.Data); norm > 0 {
			a[l] = math.Abs(float64(kernel.Dot(h.Data, g.Data))) / norm
		}
	}
	return a
}

// NormChange is what one full-batch gradient step with MSE does to the squared
// weight norm of a positively homogeneous net (no biases; Identity, ReLU or
// LeakyReLU) of D layers:
//
//	|θ'|² - |θ|² = -2Dη f·f̃/m + η² f̃ᵀΘf̃/m,   f̃ = f - y.
//
// It is exact, by Euler's theorem ∇f·θ = D f. For y = 0 it is at most
// -(η/m)|f|²(2D - ηλ), so that the norm shrinks while ηλ < 2D: the 4/λ of the
// theory is D = 2. The identity is ours, not the paper's.
type NormChange struct {
	Degree    int     // D
	Change    float64 // |θ'|² - |θ|² of the step itself
	Linear    float64 // -2Dη f·f̃/m
	Quadratic float64 // η² f̃ᵀΘf̃/m
	Defect    float64 // Change - Linear - Quadratic, zero up to rounding
	Scale     float64 // |θ'|² + |θ|², the size that rounding refers to
}

// WeightNorm evaluates NormChange for a step of size eta from theta. The error
// wraps ErrArgument if the net is not homogeneous, its loss is not MSE or eta is
// not positive, ErrShape or ErrNonFinite if theta is not usable.
func (n *Net[T]) WeightNorm(theta []T, eta float64) (NormChange, error) {
	c := NormChange{Degree: n.Layers()}
	if n.cfg.Bias || n.cfg.Loss != MSE || !nn.Activation(n.cfg.Act).Homogeneous() {
		return c, fmt.Errorf("catapult: weight-norm identity of a net with %v, loss %v, bias %t: want a homogeneous activation, MSE and no bias: %w", n.cfg.Act, n.cfg.Loss, n.cfg.Bias, ErrArgument)
	}
	if err := checkEta(eta); err != nil {
		return c, err
	}
	if err := n.checkTheta("theta", theta); err != nil {
		return c, err
	}
	m := float64(n.Samples())
	f := n.full.Outputs(theta)
	res, dot := make([]T, len(f.Data)), 0.0
	for i, v := range f.Data {
		r := float64(v) - float64(n.data.Y.At(i/f.Cols, i%f.Cols))
		res[i] = T(r)
		dot += float64(v) * r
	}
	grad, next, tv := n.vec[1], n.vec[2], make([]T, len(res))
	n.full.Grad(grad, theta)
	kernel.AxpyTo(next, -T(eta), grad, theta)
	n.NTKVec(tv, theta, res)
	after, before := kernel.SumSq(next), kernel.SumSq(theta)
	c.Change, c.Scale = after-before, after+before
	c.Linear = -2 * float64(c.Degree) * eta * dot / m
	c.Quadratic = eta * eta * float64(kernel.Dot(res, tv)) / m
	c.Defect = c.Change - c.Linear - c.Quadratic
	return c, nil
}

func checkEta(eta float64) error {
	if !(eta > 0) || math.IsInf(eta, 0) {
		return fmt.Errorf("catapult: eta = %v, want a finite learning rate > 0: %w", eta, ErrArgument)
	}
	return nil
}
