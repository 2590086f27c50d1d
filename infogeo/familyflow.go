package infogeo

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// FamilyFlowOptions says which flow NewFamilyFlow makes. The zero value is the natural
// gradient flow of KL(q‖p) in η.
type FamilyFlowOptions struct {
	Loss     Loss     // Forward: KL(q‖p); Reverse: KL(p‖q)
	Geometry Geometry // Natural, EuclideanTheta or EuclideanEta
	Coords   Coords   // ThetaCoords or EtaCoords; OwnCoords are those of the geometry, for Natural those in which the flow is linear
}

// FamilyFlow is a gradient flow of a Kullback-Leibler divergence on an exponential family,
// with δ = η - η_q and τ = θ - θ_q
//
//	forward, L = KL(q‖p):  θ' = -δ  (θ),  η' = -δ  (natural),  η' = -G⁻¹δ  (η)
//	reverse, L = KL(p‖q):  θ' = -Gτ (θ),  θ' = -τ  (natural),  η' = -τ     (η)
//
// pushed forward to the coordinates of the state. q is given by its expectation parameters
// alone: for the forward loss it may be any distribution with those, also outside of the
// family, since KL(q‖p) = KL(q‖p*) + KL(p*‖p) with its m-projection p*. The energy is the
// second term, the excess over the least loss.
//
// Near p*, θ-, natural and η-gradient flow lower the energy at the rates 2λ_min(G), 2 and
// 2/λ_max(G) for either loss. That these are in increasing order is a property of the
// simplex; for a Poisson family of mean 4 they are 8, 2 and 1/2.
//
// It implements flow.EnergyField. Outside the domain of the family the field is NaN, so
// that an integrator shortens its step. It holds scratch memory: one value per goroutine.
type FamilyFlow struct {
	f            Family
	opt          FamilyFlowOptions
	thetaQ, etaQ []float64
	theta, eta   []float64
	gTheta, gEta []float64 // gradients of L
	work         []float64
	kl           *Bregman
	err          error
	inEta        bool
}

var _ flow.EnergyField[float64] = (*FamilyFlow)(nil)

// NewFamilyFlow makes the flow to the target with the expectation parameters etaQ, which
// it copies. Errors wrap ErrInvalid, ErrShape or are those of Family.Natural.
func NewFamilyFlow(f Family, etaQ []float64, o FamilyFlowOptions) (*FamilyFlow, error) {
	if f == nil {
		return nil, fmt.Errorf("infogeo: flow on a nil Family: %w", ErrInvalid)
	}
	d := f.Dim()
	if len(etaQ) != d {
		return nil, fmt.Errorf("infogeo: target of length %d, want the dimension %d of the family: %w", len(etaQ), d, ErrShape)
	}
	if o.Loss != Forward && o.Loss != Reverse {
		return nil, fmt.Errorf("infogeo: Loss = %v, want Forward or Reverse: %w", o.Loss, ErrInvalid)
	}
	if o.Geometry != Natural && o.Geometry != EuclideanTheta && o.Geometry != EuclideanEta {
		return nil, fmt.Errorf("infogeo: Geometry = %v, want Natural, EuclideanTheta or EuclideanEta: %w", o.Geometry, ErrInvalid)
	}
	switch o.Coords {
	case OwnCoords:
		o.Coords = ownCoords(o.Loss, o.Geometry)
	case ThetaCoords, EtaCoords:
	default:
		return nil, fmt.Errorf("infogeo: Coords = %v, want own, theta or eta: %w", o.Coords, ErrInvalid)
	}
	v := make([]float64, 7*d)
	part := func(i int) []float64 { return v[i*d : (i+1)*d : (i+1)*d] }
	m := &FamilyFlow{
		f: f, opt: o, kl: NewBregman(f), inEta: o.Coords == EtaCoords,
		thetaQ: part(0), etaQ: part(1), theta: part(2), eta: part(3), gTheta: part(4), gEta: part(5), work: part(6),
	}
	copy(m.etaQ, etaQ)
	if err := f.Natural(m.thetaQ, m.etaQ); err != nil {
		return nil, err
	}
	return m, nil
}

// Dim implements flow.Field.
func (m *FamilyFlow) Dim() int { return m.f.Dim() }

// Target returns the natural parameters θ_q of the target, or of its m-projection; a copy.
func (m *FamilyFlow) Target() []float64 { return append([]float64(nil), m.thetaQ...) }

// Start returns the state of the flow at a member with natural parameters theta.
func (m *FamilyFlow) Start(theta []float64) []float64 {
	x := append([]float64(nil), theta...)
	if m.inEta {
		m.f.Mean(x, theta)
	}
	return x
}

// Theta stores the natural parameters of the state x in dst.
func (m *FamilyFlow) Theta(dst, x []float64) error {
	if !m.inEta {
		copy(dst, x)
		return m.f.CheckNatural(x)
	}
	return m.f.Natural(dst, x)
}

// at makes theta and eta those of the state; it reports false outside of the domain.
func (m *FamilyFlow) at(x []float64) bool {
	m.err = nil
	if !kernel.AllFinite(x) {
		return false
	}
	if m.inEta {
		copy(m.eta, x)
		return m.f.Natural(m.theta, x) == nil
	}
	if m.f.CheckNatural(x) != nil {
		return false
	}
	copy(m.theta, x)
	m.f.Mean(m.eta, x)
	return true
}

// gradients stores ∇_θ L and ∇_η L.
func (m *FamilyFlow) gradients() error {
	if m.opt.Loss == Reverse {
		kernel.SubTo(m.gEta, m.theta, m.thetaQ)
		m.f.FisherMulVec(m.gTheta, m.theta, m.gEta)
		return nil
	}
	kernel.SubTo(m.gTheta, m.eta, m.etaQ)
	if m.opt.Geometry == EuclideanTheta || m.opt.Geometry == Natural && m.inEta {
		return nil // without ∇_η
	}
	return m.f.FisherSolveVec(m.gEta, m.theta, m.gTheta, 0)
}

// velocity stores the field in dst, from the gradients.
func (m *FamilyFlow) velocity(dst []float64) error {
	var err error
	switch g := m.opt.Geometry; {
	case g == Natural && m.inEta, g == EuclideanTheta && !m.inEta:
		copy(dst, m.gTheta)
	case g == Natural, g == EuclideanEta && m.inEta:
		copy(dst, m.gEta)
	case g == EuclideanTheta:
		m.f.FisherMulVec(dst, m.theta, m.gTheta)
	default:
		err = m.f.FisherSolveVec(dst, m.theta, m.gEta, 0)
	}
	kernel.Scal(-1, dst)
	return err
}

// Eval implements flow.Field.
func (m *FamilyFlow) Eval(dst, x []float64, t float64) {
	if m.at(x) {
		if m.err = m.gradients(); m.err == nil {
			m.err = m.velocity(dst)
		}
		if m.err == nil {
			return
		}
		if errors.Is(m.err, ErrSingularFisher) {
			m.err = nil // a step too far: shorten it
		}
	}
	for i := range dst {
		dst[i] = math.NaN()
	}
}

// EvalEnergy implements flow.EnergyField.
func (m *FamilyFlow) EvalEnergy(dst, x []float64, t float64) (e, slope float64) {
	if dst == nil {
		return m.Energy(x), math.NaN()
	}
	m.Eval(dst, x, t)
	if math.IsNaN(dst[0]) {
		return math.NaN(), math.NaN()
	}
	e = m.energy()
	// dL/dt = ∇_θ L · θ', or ∇_η L · η' for a state in η.
	g := m.gTheta
	if m.inEta {
		g = m.etaGradient()
	}
	return e, kernel.Dot(g, dst)
}

// etaGradient is ∇_η L, computed if gradients left it out; NaN where it has none.
func (m *FamilyFlow) etaGradient() []float64 {
	if m.opt.Loss == Reverse || m.opt.Geometry == EuclideanEta {
		return m.gEta // gradients made it
	}
	if err := m.f.FisherSolveVec(m.gEta, m.theta, m.gTheta, 0); err != nil {
		for i := range m.gEta {
			m.gEta[i] = math.NaN()
		}
	}
	return m.gEta
}

// Energy returns the divergence at the state x, NaN outside of the domain.
func (m *FamilyFlow) Energy(x []float64) float64 {
	if !m.at(x) {
		return math.NaN()
	}
	return m.energy()
}

func (m *FamilyFlow) energy() float64 {
	if m.opt.Loss == Reverse {
		return m.kl.KL(m.theta, m.thetaQ)
	}
	return m.kl.KL(m.thetaQ, m.theta)
}

// Exact stores in dst the state at time t of the natural gradient flow that starts from x0
// at time 0: η(t) = η_q + e⁻ᵗ(η(0) - η_q) for the forward loss, θ(t) = θ_q +
// e⁻ᵗ(θ(0) - θ_q) for the reverse one. The error wraps ErrInvalid for another geometry, or
// is that of Family.Natural.
func (m *FamilyFlow) Exact(dst, x0 []float64, t float64) error {
	if m.opt.Geometry != Natural {
		return fmt.Errorf("infogeo: exact solution of the %v flow, want the natural one: %w", m.opt.Geometry, ErrInvalid)
	}
	if !m.at(x0) {
		return fmt.Errorf("infogeo: start of the flow is outside the domain of the family: %w", ErrInvalid)
	}
	from, to, straightInEta := m.theta, m.thetaQ, m.opt.Loss == Forward
	if straightInEta {
		from, to = m.eta, m.etaQ
	}
	kernel.SubTo(m.work, from, to)
	kernel.AxpyTo(dst, math.Exp(-t), m.work, to)
	switch {
	case straightInEta && !m.inEta:
		return m.f.Natural(dst, dst)
	case !straightInEta && m.inEta:
		m.f.Mean(dst, dst)
	}
	return nil
}

// Caps says what the flow can do.
func (m *FamilyFlow) Caps() flow.Caps[float64] {
	c := flow.Caps[float64]{Autonomous: true, Err: func() error { return m.err }}
	euclid := m.opt.Geometry
	c.Descends = euclid == EuclideanTheta && !m.inEta || euclid == EuclideanEta && m.inEta
	linear := euclid == Natural && m.inEta == (m.opt.Loss == Forward)
	switch {
	case linear: // x' = -(x - x_q)
		c.JacVec = func(dst, x, v []float64, t float64) { kernel.Axpby(-1, v, 0, dst) }
		c.Radius = func(x []float64, t float64) float64 { return 1 }
	case c.Descends && !m.inEta && m.opt.Loss == Forward:
		c.HessVec = func(dst, x, v []float64) { m.f.FisherMulVec(dst, x, v) }
		c.JacVec = func(dst, x, v []float64, t float64) {
			m.f.FisherMulVec(dst, x, v)
			kernel.Scal(-1, dst)
		}
	case c.Descends && m.inEta && m.opt.Loss == Reverse:
		solve := func(dst, x, v []float64) {
			if !m.at(x) || m.f.FisherSolveVec(dst, m.theta, v, 0) != nil {
				for i := range dst {
					dst[i] = math.NaN()
				}
			}
		}
		c.HessVec = solve
		c.JacVec = func(dst, x, v []float64, t float64) {
			solve(dst, x, v)
			kernel.Scal(-1, dst)
		}
	}
	return c
}
