package catapult

import (
	"fmt"
	"math"

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
// never formed. It allocates; for its largest eigenvalue alone see NTKVec.
func (n *Net[T]) NTK(dst *mat.SymDense, theta []T) {
	m, k := n.Samples(), n.Outputs()
	if dst.IsEmpty() {
		dst.ReuseAsSym(m * k)
	}
	if dst.SymmetricDim() != m*k {
		panic(fmt.Sprintf("catapult: dst is %d x %d, want %d x %d", dst.SymmetricDim(), dst.SymmetricDim(), m*k, m*k))
	}
	dst.Zero()
	ws := n.full.At(theta)
	deltas := n.outputDeltas(ws)
	hh, dd := kernel.NewMatrix[T](m, m), kernel.NewMatrix[T](m*k, m*k)
	for l := 1; l <= n.Layers(); l++ {
		s, t := n.mlp.Scale(l)
		if !n.cfg.Bias {
			t = 0
		}
		kernel.Syrk(hh, 1, ws.Input(l), 0)
		kernel.Syrk(dd, 1, deltas[l-1], 0)
		for i := range m * k {
			for j := i; j < m*k; j++ {
				h := s*s*float64(hh.At(i/k, j/k)) + t*t
				dst.SetSym(i, j, dst.At(i, j)+h*float64(dd.At(i, j))/float64(m))
			}
		}
	}
}

// outputDeltas returns D_l of every layer, mK x n_l, rows (sample, output).
func (n *Net[T]) outputDeltas(ws *nn.Workspace[T]) []kernel.Matrix[T] {
	m, k := n.Samples(), n.Outputs()
	deltas := make([]kernel.Matrix[T], n.Layers())
	for l := range deltas {
		deltas[l] = kernel.NewMatrix[T](m*k, n.cfg.Sizes[l+1])
	}
	// A backward pass of the objective may be remembered; this one overwrites it.
	ws = n.scratch(ws)
	seed := kernel.NewMatrix[T](m, k)
	for out := range k {
		clear(seed.Data)
		for i := range m {
			seed.Set(i, out, 1)
		}
		ws.Backward(nil, seed)
		for l := range deltas {
			d := ws.Delta(l + 1)
			for i := range m {
				copy(deltas[l].Row(i*k+out), d.Row(i))
			}
		}
	}
	return deltas
}

// scratch returns a workspace at the same point whose passes disturb nobody.
func (n *Net[T]) scratch(at *nn.Workspace[T]) *nn.Workspace[T] {
	ws := nn.NewWorkspace[T](n.mlp, n.Samples())
	ws.SetGates(n.gates)
	ws.Forward(at.Theta(), n.data.X)
	return ws
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
	first := n.outputDeltas(n.full.At(theta))[0]
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
