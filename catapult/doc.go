// Package catapult simulates gradient descent at large learning rates: the lazy,
// the catapult and the divergent phase of Lewkowycz, Bahri, Dyer, Sohl-Dickstein
// and Gur-Ari, "The large learning rate phase of deep learning: the catapult
// mechanism" (arXiv 2003.02218, "the paper" below). It has the solvable models of
// the theory, at any width, and real networks whose curvature is followed while
// they train.
//
// # Phases
//
// Let λ0 be the curvature of the loss at the start, the largest eigenvalue of the
// tangent kernel (for the squared loss), and η the learning rate. In the paper
//
//	lazy        η < 2/λ0           λ stays near λ0; the network follows its linearisation
//	catapult    2/λ0 < η < η_max   the loss first grows, λ falls below 2/η, then training converges
//	divergent   η > η_max          loss and λ grow without bound
//
// with η_max = 4/λ0 for the two-layer linear network, and about 12/λ0 measured
// for ReLU networks. A network with one hidden layer of ReLUs has η_max ≈ 4/λ0;
// the 12 needs two or more hidden layers (our measurement; StableEdge makes it).
// Divergence is a result (Phase), not an error.
//
// # Warm-up model
//
// One sample x = 1, label y, width n: f = u·v/√n with u, v in R^n, tangent kernel
// λ = (|u|²+|v|²)/n. Gradient descent on ½f² maps (f, λ) to itself,
//
//	f' = f (1 - ηλ + η²f²/n),   λ' = λ + (ηf²/n)(ηλ - 4)
//
// (paper, section 2). Warmup is this map for any label, weight decay, squared or
// logistic loss (general form ours); WarmupNet is the network itself, as a
// flow.Energy, with all eigenvalues of its Hessian in closed form.
//
// # Universal map
//
// For label 0 the width and the learning rate disappear in κ = ηλ, s = η²f²/n:
//
//	κ' = κ + s(κ-4),   s' = s(1-κ+s)²,   κ² >= 4s.
//
// With the sign of f, g = ηf/√n, this is g' = g(1-κ+g²), and in P = κ+2g, Q = κ-2g
// it is P' = P(1-g)², Q' = Q(1+g)². J = κ²-4s = PQ obeys J' = (1-s)² J, while the
// gradient flow conserves it. At κ0 = 4 the orbit is g_t = 2 cos(3^t ϑ). Between
// the thresholds κ_∞ is striped: it depends on ln s0 modulo 2 ln(κ0-1). All of
// this, and the following, is ours.
//
// Theorem A. If κ0 < 4 then κ never rises, Σ s_t <= (κ0-κ_∞)/(4-κ0), f → 0 from
// every start and at every width, and κ_∞ <= 2 unless f becomes exactly 0.
//
// Theorem B. If κ0 > 4 and s0 > 0, the run diverges unless f becomes exactly 0, a
// set of starts of measure zero.
//
// So the thresholds are exactly 2 and 4 at every width, not only at large n.
// Classify applies the theorems and returns a Certificate with the bounds that
// follow; CheckTheorem measures them along a run; MapTrajectory runs the map.
//
// While s is small it grows by (κ0-1)² a step, so the loss peaks at
//
//	t_peak ≈ ½ ln n / ln(κ0-1) + O(1)
//
// (the log n of the paper): PeakStep, MapWidthLaw, FitWidthLaw.
//
// # Two-layer linear network
//
// f_α = vᵀUx_α/√n on data X (m x d), squared loss, residual f̃ = f - y, ζ = Xᵀf̃/m,
// tangent kernel Θ_αβ = (|v|² x_α·x_β + (Ux_α)·(Ux_β))/nm. The 1/m is part of Θ
// here, so that thresholds are in λ = λ_max(Θ). LinearNet is the network, with
// the paper's update formulas for f̃ and Θ and the laws around them as functions
// that return numbers. Its training closes on a = |v|²/n, q = Uᵀv/√n, M = UᵀU/n:
//
//	a' = a - (2η/n) q·ζ + (η²/n) ζᵀMζ
//	q' = q - η(Mζ+aζ) + (η²/n)(q·ζ) ζ
//	M' = M - (η/n)(qζᵀ+ζqᵀ) + (η²/n) a ζζᵀ,     f = Xq,   Θ = X(aI+M)Xᵀ/m.
//
// ReducedLinear steps these at a cost of O(d²) that does not know the width: n =
// 10¹² is exact and as cheap as n = 10, with weight decay and mini-batches too,
// and Sample draws random starts with the law of U, v ~ N(0, 1) at any n. The
// reduction is ours.
//
// A net that is homogeneous of degree D in its parameters changes its weight norm
// in a step by exactly -2Dη f·f̃/m + η² f̃ᵀΘf̃/m (ours): for y = 0 the norm shrinks
// while ηλ < 2D, which for D = 2 is the theory's 4/λ (NormChange, NormBound).
//
// # Networks
//
// Net is a multilayer perceptron in the parameterisation of the tangent kernel
// (arXiv 1806.07572), z_l = (σ_w/√n_{l-1}) W_l h_{l-1}, with exact gradient,
// Hessian-vector product, tangent kernel Θ = JJᵀ/m, and its twins: Linearised, the
// lazy limit f0 + Jδ, and Quadratic, its second-order expansion (arXiv 2205.11787),
// which shows the catapult while the linearisation cannot. Sharpness follows the
// largest eigenvalue of Θ or of the Hessian by Lanczos' method, started from the
// previous eigenvector. InfiniteReLU is the kernel of infinite width.
//
// # Momentum
//
// The linear threshold 2 becomes 2(1+β) for the heavy ball and 2(1+β)/(1+2β) for
// Nesterov's method (HeavyBallThreshold, NesterovThreshold).
//
// # How to start
//
// Which phase, without a run: Classify(ηλ0, η²f0²/n). What happens then, at any
// width: NewReducedLinear and its Run. A network: NewNet, then Lambda0 for λ0 and
// SuggestRates for learning rates, and Train; what the run shows of the mechanism
// is in TrainResult. How far the learning rate can go: StableEdge. Diagrams over
// learning rate, width and random starts, on all cores and independent of their
// number: PhaseDiagram for any of these, MapDiagram and ReducedDiagram ready-made.
// All energies work with every integrator of packages flow and flow/descent;
// WarmupNet and LinearNet have the gradient flow's invariants in their
// capabilities.
package catapult
