// Package probe holds instruments that look at energies and trajectories: the
// ends of the Hessian spectrum, rates of convergence, the drift of invariants,
// and a check of hand-written gradients.
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
// # Rates
//
// FitExponential and FitPower fit E(t) - E* ~ A exp(-r t) and A t^(-r) by least
// squares in the logarithm, over a window that is given or found: the longest
// one over which the logarithm is straight, after the transient and before the
// rounding floor.
//
// # Invariants
//
// Drift is a flow.Recorder that watches the quantities which the exact flow
// conserves and keeps how far they have moved.
//
// # Gradients
//
// CheckGradient compares a gradient with central differences of its energy, and
// estimates the order at which they approach each other: 2 if the gradient is
// that of the energy, 0 if it is not.
package probe
