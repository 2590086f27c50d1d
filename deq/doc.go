// Package deq holds deep equilibrium models, whose output is the fixed point of a
// layer, and what is known about training them. Its main source is Dandapanthula and
// Ramdas, "Gradient flow for deep equilibrium single-index models" (arXiv 2511.16976,
// "the paper" below). What is stated there is marked [P]; what is marked [D] was
// derived for this library, with the proof or its idea given here, and holds with the
// constants given here. R is the mean squared error without the factor 1/2, N the
// number of samples, gradient flow θ' = -∇R(θ).
//
// # Linear models
//
// The layer z = Az + Bx, z in R^n, x in R^d, has with M = I - A the fixed point z =
// Wx, W = M⁻¹B. The paper's model is n = 1, y = w·x + ay, m = 1-a, β = w/m. The risk
// depends on the data through S = XᵀX/N, the least-squares predictor W_LS and its
// risk alone (LinearData; Moments reads samples once):
//
//	R = R_LS + tr((W-W_LS) S (W-W_LS)ᵀ),   G = ∂R/∂W = 2(W-W_LS)S,
//	∂R/∂B = M⁻ᵀG,   ∂R/∂A = M⁻ᵀGWᵀ = -∂R/∂M.
//
// Linear is this energy for any n, Scalar for n = 1 at a cost of O(d²) a step. Write
// δ = R - R_LS, l and L for the extreme eigenvalues of S.
//
// Conservation. ∂R/∂M Mᵀ + ∂R/∂B Bᵀ = -M⁻ᵀGWᵀMᵀ + M⁻ᵀGBᵀ = 0, because WᵀMᵀ = Bᵀ: it
// is Noether's identity of the gauge (M, B) → (gM, gB), which leaves W alone [D]. So
//
//	K = MMᵀ + BBᵀ
//
// is constant along the flow [D]; for n = 1 the parameters stay on the sphere |w|² +
// (1-a)² = r² around the trivial solution (0, 1) [P]. A step of gradient descent with
// any batch adds η²(∂_M ∂_Mᵀ + ∂_B ∂_Bᵀ) to K, for n = 1 r'² = r² + η²|∇R|²: discrete
// training moves away from the centre [D].
//
// Conditioning for all time. K = M(I+WWᵀ)Mᵀ gives σ_min(M)² >= λ_min(K)/(1+|W|²),
// σ_max(M)² <= λ_max(K), and while the risk does not grow |W| <= |W_LS| + sqrt(δ_0/l)
// [D; that the layer stays well conditioned is P]. For n = 1, m² = r²/(1+|β|²).
//
// No bad critical points. If S > 0, ∇R = 0 only for W = W_LS, M⁻ᵀ being invertible.
//
// Rate. |∇R|² = tr((MᵀM)⁻¹ G(I+WᵀW)Gᵀ), and K <= λ_max(K) I means (MᵀM)⁻¹ >=
// (I+WWᵀ)/λ_max(K) >= I/λ_max(K); with |G|² >= 4lδ this is the inequality of Polyak and
// Łojasiewicz with
//
//	|∇R|² >= (4l/λ_max(K)) δ,   δ(t) <= δ(0) exp(-4lt/λ_max(K))    [D; exponential P].
//
// For n = 1 the flow moves the predictor by β' = -((1+|β|²)/r²)(I+ββᵀ)g, g = 2S(β-β_LS),
// and ends at w = mβ_LS, m = sign(m_0) r/sqrt(1+|β_LS|²) (Scalar.Limit); its rate tends
// to 2λ_min of (2q/r²)(I+bbᵀ)^½ S (I+bbᵀ)^½, b = β_LS, q = 1+|b|² [D]. For d = 1 there
// is a closed form (ScalarFlow) [D].
//
// Gradient descent. A step changes the predictor by exactly
//
//	W' - W = -(I + ηQGWᵀ)⁻¹ ηQG(I+WᵀW),   Q = (MᵀM)⁻¹,
//
// from which follow, with b̄ = |W_LS| + sqrt(δ_0/l) and ḡ = 2 sqrt(Lδ_0), learning rates
// that need no knowledge of the trajectory [D; linear convergence P]: for n = 1
//
//	η <= (r_0²/(1+b̄²)) min{1/(2b̄ḡ), 1/(4L(1+b̄²))}  ⇒  δ' <= (1 - (4/3) ηl/(r_0²+3ηδ_0)) δ,
//
// and m keeps its sign; for n > 1
//
//	η <= (λ_min(K_0)/(1+b̄²)) min{1/(3b̄ḡ), 1/(9L(1+b̄²))}  ⇒  δ' <= (1 - ηl/(λ_max(K_0)+4ηδ_0)) δ,
//
// and det M keeps its sign. These are small. The same inequality with the present β, g
// and r is SafeStep, for every step anew (SafeRate): δ' <= (1 - (4/3)lη/m²)δ.
//
// LinearCertificate has all of these numbers for a point (Certify). Regauge changes K
// and not the predictor, as to a multiple of I; Conserve does so after every step of an
// integrator, which then conserves K to rounding. (cM, cB) trains like (M, B) with the
// learning rate η/c² [D].
//
// Sensitivity. For n = 1 the limit depends on the start through r and the sign of m
// alone: ∂θ_∞/∂θ_0 has rank one (Scalar.LimitSensitivity) [D]. RiskCurves integrates from
// many starts.
//
// Picard. For n = 1 the iteration y ← w·x + ay converges iff 0 < m < 2. If m_0 > 0 and
// r_0 < 2 it does so along the whole flow; larger spheres may end at a < -1 [D].
//
// # Approximate backward passes
//
// Backward replaces the inverse in the gradient by Jacobian-free backpropagation (arXiv
// 2103.12803), T terms of Neumann's series, or the damped series of phantom gradients
// (arXiv 2111.05177). With any matrix P(A) in the place of M⁻ᵀ the conserved K and the
// growth of K in a step stay as they are, by the same proof [D]. For n = 1 the
// direction is 1-Q^T times the gradient, Q = a or 1-λ+λa: the same circle with another
// clock [P], with a spurious stop where the factor vanishes: two terms stop at a = -1
// (Backward.Share). JFB is a descent direction for all data iff M + Mᵀ > 0 [D].
//
// # Single-index models
//
// y = σ(w·x + vy), θ = (w, v), with targets from a teacher ξ: explicit, y* = σ(ξ_w·x)
// [P], or an equilibrium itself [D] (Teacher). Let u = (x, y), s = σ'(w·x+vy). If vσ' <
// 1 for all slopes of σ the equilibrium is unique; v may be very negative if σ is
// nondecreasing. Picard's iteration needs |v|σ' < 1, the solver here does not: Newton's
// method in a bracket, with a relative stop rule, so that dead ReLUs stay dead. For tanh
// and the logistic function a step of fifth order from the last equilibrium comes first
// and is enough once its certified error is below rounding: one evaluation of σ a sample
// (kernel.RootStep) [D]. The gradient is
//
//	∇R = (2/N) Σ (y-y*) s/(1-vs) u    [P],
//
// and other rules put f(vs) in the place of 1/(1-vs).
//
// Secant identity [D]. With the divided difference D of σ between the pre-activations
// of model and teacher, y - y* = q (θ-ξ)·u, q = D/(1-Dξ_v), so that exactly
//
//	∇R(θ) = H (θ-ξ),   H = (2/N) Σ f(vs) s q uuᵀ.
//
// For a nondecreasing σ and f >= 0, H is positive semidefinite, from which follow: the
// flow never moves away from the teacher, from any start where the layer is well posed;
// gradient descent does not for η <= 2/λ_max(H), and for
//
//	η <= (1-v Lip)(1-ξ_v Lip)/(2 Lip² λ_max((1/N) Σ uuᵀ));
//
// a step changes the distance at most by the factor max |1-ηλ(H)|; and near the teacher
// it tends to 1 - ηλ_min(∇²R(ξ)) (the monotone approach and the linear rate are [P], in
// this form [D]). λ_min > 0 iff no linear relation holds between x and y on the data:
// for σ = z + ε tanh z it is about ε² E(residual of tanh)² [P]. The identity and, on
// their active samples, rectifiers are linear: H is singular and the sphere |w|²+(1-v)²
// is what is conserved. GELU is not monotone: the identity holds, definiteness may not.
// Neumann sums with an odd number of terms have f > 0, even ones only for vs > -1.
// SingleIndexCertificate has these numbers for a point. Who wants the parameters and
// not the dynamics calls Fit.
//
// # Mini-batches
//
// NewLinearSamples and SingleIndexOptions.BatchSize give the energies of mini-batches,
// drawn by the index of the step, for stochastic descent. The law of growth of K holds
// for every batch.
//
// # How to start
//
// Samples of a linear problem: NewLinearData, then NewScalar or NewLinear. A nonlinear
// one: NewSingleIndex with an Activation. All are energies for every integrator of
// packages flow and flow/descent, with exact products with the Hessian and, where there
// are some, invariants in their capabilities; Field gives the direction of an
// approximate backward rule, Certify the numbers of the theorems. Models keep scratch
// memory and are for one goroutine at a time; their data may be shared.
package deq
