// Package game decomposes differential games and simulates their gradient dynamics.
//
// It realises the statements of N. Zhou, J. Dong, Y. Li, B. Wang, "On the Decomposition
// of Differential Game" (arXiv 2411.03802, "Zhou et al. (2024)" below) and stands on
// Candogan, Menache, Ozdaglar, Parrilo, "Flows and Decompositions of Games" (arXiv
// 1005.2405), Letcher, Balduzzi, Racaniere, Martens, Foerster, Tuyls, Graepel,
// "Differentiable Game Mechanics" (JMLR 20, 2019) and Monderer, Shapley, "Potential
// Games" (1996).
//
// Of Zhou et al. (2024) only the statements are used: a game on R^n is the sum of an
// exact scalar potential, a near vector potential and a non-strategic game, and also of a
// near scalar potential, an exact vector potential and a non-strategic game; in the
// first class gradient descent finds Nash points, in the second it diverges or recurs. What
// this package computes is a Gaussian-weighted Hodge decomposition in the sense of Zhou
// et al. (2024). The construction, its formulas and their proofs are ours, not the
// algorithm of that paper.
//
// # Games
//
// Players i = 1..N choose x_i in R^{d_i} and minimise losses l_i(x), n = Σ d_i:
//
//	ξ(x) = (D_1 l_1, ..., D_N l_N)    the individual gradient field; gradient play is x' = -ξ(x)
//	J = Dξ = S + A                    its Jacobian, symmetric and antisymmetric parts
//	div ξ = tr J = Σ Δ_i l_i
//
// A Game has ξ and the losses; what more it can do are small interfaces (Jacobianer,
// Hessianer, ...), and Numeric completes any game to a FullGame by central differences.
// Flow is its gradient play for the integrators of package flow. A game is non-strategic
// if no loss depends on its player's block: it has ξ = 0.
//
// # Scalar potential games
//
// The following are equivalent (Monderer, Shapley; for C² losses): ξ = ∇φ; J is symmetric
// everywhere; l_i changes as φ does whenever player i alone moves; l_i = φ +
// non-strategic. LinePotential reconstructs φ.
//
// If ∇φ is L-Lipschitz and 0 < η < 2/L, gradient descent has
//
//	φ(x_{t+1}) <= φ(x_t) - η(1-Lη/2)|ξ_t|²,
//
// so that its limit points are stationary; one is a Nash point if every l_i(·, x_-i) is
// convex. If φ is m-strongly convex the distance to the Nash point shrinks by the factor
// max(|1-ηm|, |1-ηL|). These hypotheses are needed: l_1 = l_2 = xy is a potential game on
// which gradient descent diverges from almost every start, and a strict local Nash
// point need not be stable (J = [[1, 2], [2, 1]]).
//
// # Vector potential games
//
// div ξ = 0 if and only if ξ_k = Σ_l ∂_l B_kl for an antisymmetric B. The flow preserves
// volume, so that no point attracts a neighbourhood. If it is complete, almost every
// orbit either returns arbitrarily close to its start infinitely often or leaves to
// infinity (Hopf's decomposition); if it is not, orbits blow up in finite time. Every
// multi-affine game is in this class, even if it has a potential: the classes intersect
// in the harmonic games ξ = ∇h, Δh = 0, which is why R^n has two natural decompositions.
//
// # The decompositions
//
// A Weight w is the density of N(μ, diag(v)), with <f, g> = E_w[f·g], a_k = ∂_k and its
// adjoint a_k⁺ = (x_k-μ_k)/v_k - ∂_k. On Hermite polynomials He_α = Π v_k^{α_k/2}
// He_{α_k}((x_k-μ_k)/√v_k),
//
//	a_k He_α = α_k He_{α-e_k},  a_k⁺ He_α = He_{α+e_k}/v_k,  ‖He_α‖² = Π v_k^{α_k} α_k!,
//	λ_i(α) = Σ_{k in i} α_k/v_k.
//
// In the limit v -> 0, the jet at μ, He_α is (x-μ)^α; the formulas stay, with v = 1.
// The terms of l_i with α_i = 0 are its non-strategic part, the conditional mean. With
// l_i = Σ c_iα He_α:
//
// ScalarFirst is the orthogonal projection of ξ onto gradient fields,
//
//	φ_α = Σ_i λ_i c_iα / Σ_i λ_i,
//
// an exact potential game. The field Y of the rest, the near vector part, has
// div(wY) = 0: its flow preserves the probability measure w, so that almost every orbit
// that exists for all times recurs. Its energy is Σ_α ‖He_α‖² Σ_{i<j} λ_iλ_j(c_iα-c_jα)²/Σλ.
//
// VectorFirst subtracts the near scalar field X, w X = -∇(w q), with
//
//	q_β = (div ξ)_β / Σ_k (β_k+1)/v_k
//
// for scalar players; with several coordinates per player X is projected onto fields of
// games, and q solves a positive definite system that couples multi-indices of equal
// degrees of every player. The rest is exact: div Z = 0. X and Z are orthogonal.
//
// ThreeWay (equal v) is ∇φ_F + ∇h + Z_0 with Δφ_F = div ξ in the gauge of Fischer, h
// harmonic, div Z_0 = 0 and Z_0 orthogonal to all harmonic gradients. Exact scalar and
// exact vector parts always coexist; where h goes is a choice.
//
// For ξ = Jx + b the parts are S(x-μ) + Jμ + b and A(x-μ); (tr J/n)(x-μ) and the rest;
// and trace, traceless symmetric and antisymmetric part. From degree 3 on they depend on
// the weight, and on the scales of losses and coordinates: report it with them. Gap says
// how far the near part is from exact.
//
// Parts are games: run them, plot them, decompose them again. PotentialGame is an
// energy too; VectorGame knows what its play conserves. VectorPotential is B.
//
// # Without polynomials
//
// PotentialAt evaluates φ, ∇φ, q and X of any game at a point by Mehler's formula,
// PotentialEnergy estimates in any dimension how much of ξ is a gradient, with error
// bars, and Project expands smooth games to a degree and measures the tail.
//
// # Dynamics
//
// In continuous time, x' = -Γ ξ with rates per player (Flow), or corrected
// (CorrectedFlow with GD, SGA, Consensus, Newton, LookAhead, LOLA, SOS, LSS, BestReply).
// In steps of η, with A^T ξ = (J^T ξ - Jξ)/2, H_o the blocks of J off the diagonal and
// χ_i = Σ_{j≠i} (D_iD_j l_j)(D_j l_i):
//
//	GD, AltGD       x - η ξ(x); players in order, each with the newest x
//	Extragradient   x - η ξ(x - η ξ(x))
//	Optimistic      x - 2η ξ_t + η ξ_{t-1};  Popov in its other sequence
//	Proximal        x' = x - η ξ(x')
//	HeavyBall       GD + β (x_t - x_{t-1}), simultaneous or alternating
//	SGA, Consensus  x - η (ξ + λ A^T ξ),  x - η (ξ + γ J^T ξ)
//	LookAhead       x - η (I - α H_o) ξ
//	LOLA, SOS       LookAhead - η p α χ, p = 1 or chosen at every step
//	CGD             x - η (I + η H_o)⁻¹ ξ
//	LSS             x - η/2 (ξ + J^T (J^T J + λI)⁻¹ J^T ξ)
//
// Every Method but FictitiousPlay knows the matrix of its step at an equilibrium, so that LocalRate (its
// spectral radius), GDCriticalStep and Advise are exact; play it by flow.New with
// flow.Fixed{H: η}, PlayEach or Sweep (many starts). The parts of a game conserve
//
//	-∇φ          dφ/dt = -|∇φ|²
//	-Y           exp(-Σ (x_k-μ_k)²/2v_k) B_12, of two scalar players; |x-μ|² for the jet
//	-Z           B_12, of two scalar players; volumes for any
//	antisymmetric J   |ξ|²/2
//	replicator   Σ_i KL(x_i*‖x_i) in zero-sum games, Σ_m c_m Σ_a μ_m(a) log x_m(a) in harmonic ones
//
// VolumePreserving keeps volumes by implicit midpoint steps in the planes of B (Feng and
// Shang). Returns, PlaneSection, TimeAverage, WithVolume and ClassifyRun observe runs.
//
// # How to start
//
// A polynomial game from text: ParseGame, then Decompose; exactly, with fractions:
// ParseRatGame. Run a game or a part: Flow and flow.Solve. At a point: Inspect (Nash,
// stability, critical learning rates), BestResponse and Regrets. How much of a black box is
// a potential game: PotentialEnergy. For many states at once: Batched. A table or a phase
// portrait of a planar flow, or of a part on a grid: Quiver. Canonical games
// have constructors (NewDiracGAN, NewCournot, NewIPD, ...); the corrections of gradient
// descent are Methods (Extragradient, SGA, LOLA, ...), compared by LocalRate and Advise;
// ClassifyRun says whether a run converges, recurs, diverges or blows up.
//
// Random results are functions of their seed, whatever the number of processors.
package game
