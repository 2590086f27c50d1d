// # Layers
//
// Dense is the layer z = σ(Wz + Ux + b) of Bai, Kolter, Koltun (arXiv 1909.01377) on a
// batch of samples, an Equilibrium its fixed points and the memory of its passes. With D
// = diag σ' at the fixed point and J = DW, the gradient of a loss L of z needs V = (I -
// Jᵀ)⁻¹ ∂L/∂z for each sample; in S = DV that is one more fixed point,
//
//	S = D(∂L/∂Z + SW),   dW = SᵀZ,  dU = SᵀX,  db = Σ s_i,  dX = SU,
//
// at the price of the forward pass. Backward rules replace (I - Jᵀ)⁻¹ by a Neumann
// series (JFB, arXiv 2103.12803, is its first term) or a damped one (arXiv 2111.05177);
// Unroll differentiates steps of the iteration wherever they start; CompareBackward
// says how good a rule is at a point. A solve that fails is an error, never a gradient.
//
// A fixed point exists and is unique for every input if Lip|W|₂ < 1, or Lip|W|_∞ < 1, or
// Lip ρ(|W|) < 1 (arXiv 1908.06315), or sym(I-W) >= μI > 0 for a nondecreasing σ with Lip
// <= 1, which is a proximal map (arXiv 2006.08591). LayerCertificate has the four
// numbers, and with them bounds of the error of a computed point z with r = z - p, p =
// f(z): |z-z*| <= |r|/(1-q) of a contraction, and of a monotone layer
//
//	|p-z*| <= |Wr|/μ   [D],
//
// since with σ = prox_φ both Wr - ((I-W)p - c) in ∂φ(p) and -((I-W)z* - c) in ∂φ(z*): ∂φ
// and I-W being monotone, μ|p-z*|² <= <Wr, p-z*>. Monotone has W = (1-μ)I - AᵀA + B - Bᵀ,
// for which that holds by construction.
//
// Backward differentiates at points that have not converged only if it is told to, and
// then bounds how far the gradient is from that at the fixed points (GradientError)
// [D].
//
// The Jacobian penalty of arXiv 2106.14342 is computed, not sampled: Σ_i |D_iW|_F² = Σ_i
// Σ_k D_ik² |W_k|² takes O(Nn) operations [D].
//
// # Fixed points
//
// FixedPoint and SolveSpace solve z_r = f_r(z_r) for a batch of samples at once, for maps
// of one's own as for layers: Picard, Relaxed, Anderson, Broyden, Newton, NewtonKrylov,
// for monotone layers ForwardBackward and PeacemanRachford, and Auto, which watches and
// chooses. Samples that have converged are frozen, the best point seen is returned, never
// one worse than the start, and how the solve of a sample ended is a flow.Status:
// Converged, StepLimit (the budget), Stationary (stalled), Diverged or Cancelled.
//
// # Training layers
//
// Network is a layer with a linear readout and a loss as a flow.Energy of its parameters,
// so that flow's integrators, controllers and probes apply; Train descends, keeps |W|₂
// below a bound if asked to (by projection, or by SpectralNorm or WeightNorm), streams losses, solver work, spectral radii and the quality
// of approximate gradients, and ends with ErrDiverged and the last good parameters when
// the layer is lost.
package deq
