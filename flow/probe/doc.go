// Package probe holds instruments that look at energies and trajectories: the
// ends and the density of the Hessian spectrum, slices of the landscape, rates of
// convergence, the dissipation of energy, the drift of invariants, Lyapunov
// exponents, and a check of hand-written gradients. Random vectors come from
// counter-based streams: a seed gives the same result on any number of cores.
//
// # Hessian spectrum
//
// For an energy E the largest eigenvalue λ_max of H(x) = ∇²E(x), the sharpness,
// limits the learning rate: gradient descent near a minimum is stable for
// h λ_max < 2, and the smallest one, λ_min, sets its rate or shows a saddle
// point. HessianTop and HessianBottom compute a few of either end from products
// H v alone, by the Lanczos process with full reorthogonalisation; Spectrum
// follows them along a trajectory, each time starting from the last
// eigenvector. Products are exact if the model offers them (flow.Caps.HessVec)
// and otherwise central differences of its gradient.
//
// Sharpness is the flow.Recorder of that. HessianDensity estimates the whole
// spectral density (1/n) Σ δ(λ - λ_i), and with it averages tr f(H)/n, by stochastic
// Lanczos quadrature, HessianTrace the trace by Hutchinson's method or Hutch++; both
// with standard errors over their random vectors.
//
// # Landscape
//
// LineSlice and PlaneSlice evaluate E(x + a d) and E(x + a d1 + b d2);
// RandomDirection and NormaliseFilters make directions whose blocks have the norms
// of those of x, so that slices of networks can be compared.
//
// # Rates
//
// FitExponential and FitPower fit E(t) - E* ~ A exp(-r t) and A t^(-r) by least
// squares in the logarithm, over a window that is given or found: the longest
// one over which the logarithm is straight, after the transient and before the
// rounding floor.
//
// PL is a flow.Recorder of the Polyak-Łojasiewicz ratio |∇E|²/(2(E - E*)), whose
// smallest value on a path bounds the rate from below; Dissipation one of the
// identity dE/dt = -|∇E|² of gradient flow.
//
// # Invariants
//
// Drift is a flow.Recorder that watches the quantities which the exact flow
// conserves and keeps how far they have moved.
//
// # Chaos
//
// LyapunovExponents follows tangent vectors along a trajectory of a field and
// averages how fast they grow, with standard errors.
//
// # Gradients
//
// CheckGradient compares a gradient with central differences of its energy, and
// estimates the order at which they approach each other: 2 if the gradient is
// that of the energy, 0 if it is not.
package probe
