// Package descent holds discrete descent dynamics as integrators of package flow,
// and learning rates as its controllers.
//
// Gradient descent is the explicit Euler method on the gradient flow; its
// learning rate η is the step, its time is Σ η. The methods therefore take a
// field f, for minimisation that of flow.GradientFlow(E), f = -∇E, for a game the
// simultaneous gradient with its sign turned, and are run by flow.New with every
// controller, event, recorder and stop rule of the loop. One step, with g = -f:
//
//	GD                 x ← x + η f(x)
//	HeavyBall          v ← β v + η f(x),            x ← x + v
//	Nesterov           v ← β_k v + η f(x + β_k v),  x ← x + v
//	LookAheadNesterov  the same method, in the points x + β_k v
//	Adam, AdamW        m ← β1 m + (1-β1) g, s ← β2 s + (1-β2) g²,
//	                   x ← x - η m̂/(sqrt(ŝ) + ε)  (- η λ x)
//	RMSProp            s ← ρ s + (1-ρ) g²,          x ← x - η g/(sqrt(s) + ε)
//	AdaGrad            s ← s + g²,                  x ← x - η g/(sqrt(s) + ε)
//	SignGD             x ← x + η sign(f)
//	NormalizedGD       x ← x + η f/|f|
//	Extragradient      y = x + η f(x),              x ← x + η f(y)
//	Optimistic         x ← x + 2η f(x) - η f(x_prev)
//	Popov              y_k = x + η f(y_{k-1}),      x ← x + η f(y_k)
//	Alternating        x_b ← x_b + η f_b(x) for the blocks b in turn
//	ProximalPoint      x ← y with y = x + η f(y)
//	MirrorDescent      ∇φ(x) ← ∇φ(x) + η f(x); MultiplicativeWeights on simplices
//	RKCD               x ← T_s(w0 + w1 η J)/T_s(w0) x for linear f = Jx, s gradients
//
// # Stability
//
// On a quadratic λx²/2 they are stable for
//
//	gradient descent   ηλ < 2
//	heavy ball         ηλ < 2 (1+β)
//	Nesterov           ηλ < 2 (1+β)/(1+2β)
//	extragradient      ηλ < 1
//	optimistic, Popov  ηλ < 2/3
//	Adam               ηλ < 2 (1+β1)/(1-β1), of the preconditioned Hessian
//	proximal point     every η
//
// and on a bilinear game min max s xy, u = ηs, where the field is a rotation, for
//
//	gradient descent   no u: the radius grows by sqrt(1+u²)
//	extragradient      u < 1
//	optimistic, Popov  u < 1/sqrt(3)
//	alternating        the radius stays bounded for u < 2
//	proximal point     every u: it shrinks by 1/sqrt(1+u²)
//
// A run that diverges at its learning rate ends with the status flow.Diverged
// and its last finite state; that is a result, not an error.
//
// # Learning rates
//
// The learning rate is a flow.Controller, and has to be chosen:
//
//	flow.Fixed{H: η}   the same η at every step
//	Schedule           a base rate times WarmUp, Power, Cosine, Exponential
//	Armijo             backtracking: E falls by a part of what its slope promises
//	StrongWolfe        and the slope falls too; for methods that move along a line
//	BarzilaiBorwein    from the last change of the gradient; for GD
//	Polyak             from E - E*, for GD when E* is known
//	EdgeOfStability    a fraction of 2/λmax, or of the edge of another method
//	flow.PI and others GD follows its gradient flow to a tolerance
//
// Of the last, the tolerance is that of a step: gradient descent is of first order, so
// that with the tolerance its steps, and its distance to the flow at a given time, fall
// as the square root of it.
//
// ModifiedEnergy is the energy whose flow GD follows to the next order in η.
//
// The momentum methods keep the physical time Σ η too; their natural time is
// kη/(1-β).
//
// # Energies and mini-batches
//
// The energy of a flow.EnergyField is evaluated with f, at no extra cost, so that
// every flow.Step shows it. Some cases would cost more, and show NaN unless
// flow.Options.Energy asks: Nesterov and Alternating, which do not evaluate f at
// x, and mini-batches, where each step has an energy of its own. Mini-batches are
// drawn by step number (flow.Caps.Draw): a repeated or resumed step sees the same,
// and every evaluation of a step too.
package descent
