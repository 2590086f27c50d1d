// Package infogeo is the information geometry of exponential families and the
// dynamics of natural gradients on them: the setting of A. Datar and N. Ay,
// "Convergence Properties of Natural Gradient Descent for Minimizing KL Divergence"
// (arXiv 2504.19259), whose claims VerifyTheorems checks at any target and start.
// Precise statements, constants and proofs that are not marked otherwise are ours.
//
// # The simplex
//
// K states, n = K-1 coordinates, one of the states the reference r (the last one
// unless said otherwise). In the open simplex a distribution p has
//
//	expectation coordinates  η_i = p_i                (mixture coordinates)
//	natural coordinates      θ_i = log(p_i/p_r)       (exponential coordinates)
//
// for the n states i ≠ r, in their order (Theta, Eta, Softmax, FromEta). The
// log-partition function ψ(θ) = log(1+Σe^θ_i) = -log p_r has the gradient η and the
// Hessian G = diag(η) - ηηᵀ, the Fisher matrix in θ; in η it is
// G⁻¹ = diag(1/η) + 11ᵀ/p_r. Products and solves take O(n), with damping too (FisherMul,
// FisherSolve, FisherSolveDamped), and eigenvalues O(n) each, from the secular equation
// λ Σ p_i/(p_i-λ) = p_r (SimplexSpectrum, SimplexEigenvalues, SimplexBounds). KL has full
// relative accuracy however near its arguments are to each other.
//
// The condition number κ = λ_n/λ_1 of G at the target q governs Euclidean descent. It
// depends on the reference state (BestReference); λ_n < 1/2 and λ_1 <= 1/(4n) always.
// With δ = η - η_q and τ = θ - θ_q the gradient flows (KLFlow, a flow.EnergyField) are
//
//	                        Euclidean in θ   natural       Euclidean in η
//	forward, L = KL(q‖p)    θ' = -δ          η' = -δ       η' = -G⁻¹δ
//	reverse, L = KL(p‖q)    θ' = -Gτ         θ' = -τ       η' = -τ
//	rate of L               2λ_1             2             2/λ_n
//
// The Hessian of both losses at q is G in θ and G⁻¹ in η, hence the rates
// rate θ <= 1/(2n) < 2 < 4 < rate η. Along whole trajectories, forward,
// L_θ(t) >= e^-t L(0) >= L_nat(t), since L is ½-smooth in θ and convex in p along the
// straight line p(t) = q + e^-t (p(0)-q), and L_η(t) <= e^-2t L(0), since
// |∇_η L|² >= 2χ² >= 2L. Whether L_η <= L_nat for n >= 2 nobody has proved. Affine
// coordinates η~ = (cG_q)^(-1/2) η turn the Euclidean rates into 2c in η and 2/c in θ
// (Whitening).
//
// In discrete time (Descent) the best step 2/(μ_min+μ_max) contracts the error by
// (κ-1)/(κ+1) in θ as in η, while the natural gradient reaches the target in one step of
// size 1: in η for the forward loss, in θ for the reverse one. In θ it is Newton's method
// for the forward loss and diverges from far (Fit is safe); Euclidean descent in η leaves the
// simplex where its steps are long against min p_i²/q_i. Natural gradient descent in θ is
// mirror descent in η, and the reverse (Raskutti and Mukherjee, arXiv 1310.7780).
//
// With mini-batches of B samples for q the loss settles at (1/2B) Σ αμ_i/(2-αμ_i)
// (NoiseFloor): at equal contraction 1-ρ that of the natural gradient is lower by at least
// (κ²+1)/n. SimulateNoise measures it; AdditiveNoise, IterateNoise and
// StationaryCovariance are for other kinds of noise, which depend on the coordinates.
//
// To begin with: a flow is flow.Solve on NewKLFlow(q, ref, KLFlowOptions{...}) from
// FromP(x, p0); an iteration is NewDescent(q, ref, DescentOptions{...}).Run; a report is
// VerifyTheorems.
//
// # Exponential families
//
// A Family is p_θ(x) = h(x) exp(θ·T(x) - ψ(θ)), with natural parameters θ and expectation
// parameters η = E T = ∇ψ(θ), which are coordinates dual to each other,
//
//	ψ(θ) + φ(η) = θ·η,   θ = ∇φ(η),   G = ∂η/∂θ = ∇²ψ   (the Fisher matrix in θ, G⁻¹ in η),
//	KL(p1‖p2) = B_ψ(θ2 : θ1) = B_φ(η1 : η2)
//
// with the Bregman divergences B of ψ and φ: the arguments change places (Bregman, NegEntropy).
// There are Scalar families (Bernoulli, binomial, Poisson, geometric, negative binomial,
// exponential), Gamma, Dirichlet with beta, Normal, NormalMean, MultivariateNormal,
// VonMises, Categorical, the finite ones below, and the Product of families, also as a batch
// of rows. All have products and solves with G, both parametrisations and third cumulants;
// inverses say which coordinate is outside of the domain, or on its boundary.
//
// Since the loss KL(q‖p) is ψ(θ) - θ·η_q but for a constant, for any q with the mean η_q,
// Fit serves all of them: natural gradient descent in θ, which is Newton's method and Fisher
// scoring, with steps that are safe from any start. The natural gradient flow goes straight
// in η to η_q (forward) and in θ to θ_q (reverse), both at the rate 2, which FamilyFlow has
// as flow.EnergyField beside the Euclidean flows in θ and η, of rates 2λ_min(G) and 2/λ_max(G).
// That the three are in this order holds on the simplex, not in general. Curved families
// have a rate of their own unless the target is in them. Stream fits observations as they
// come.
//
// # Finite families, projections
//
// LogLinear has a design matrix, Table.Hierarchical makes that of a contingency table,
// Regression is logistic regression as a family. Boltzmann has the monomials of binary units
// as statistics: energies are the subset sums of θ (zeta transform), means the superset sums
// of p, products with G both, N 2^N operations instead of the 2^N times the number of parameters
// of the matrix. RBM sums over hidden units, whose visible distributions have a singular
// Fisher matrix.
//
// MProject minimises KL(q‖p) over a family, EProject minimises KL(p‖q) over the
// distributions with given expectations; for both Pythagoras' theorem holds, as
//
//	KL(P‖R) = KL(P‖Q) + KL(Q‖R) + (η_P-η_Q)·(θ_Q-θ_R).
//
// IPF projects on one margin after another. Where the mean of the data lies on a face of the
// polytope of means there is no finite estimate: the error is a *NoFiniteMLEError with the
// normal of a face, a direction in which the likelihood never falls.
//
// AlphaGeodesic, ExponentialTransport and MixtureTransport belong to the α-connections of the
// simplex, AlphaDivergence, Renyi, Chernoff, JensenShannon and others to its divergences;
// ThetaCentroid, EtaCentroid, JeffreysCentroid and KarcherMean are the centres of points.
//
// # Fisher-Rao geometry
//
// The Fisher matrix is a Riemannian metric, up to a factor the only one that sufficient
// statistics leave alone (Čencov 1982). On the simplex it is Σ dp²/p, and u = √p takes it to
// the orthant of a sphere of radius 2: FisherRaoDistance (at most π), FisherRaoExp,
// FisherRaoLog, FisherRaoGeodesic and FisherRaoTransport are those of the sphere, accurate
// for p near q and at the boundary.
//
// On the normal distributions of R^d it is ds² = dμᵀΣ⁻¹dμ + tr((Σ⁻¹dΣ)²)/2, with the
// geodesics
//
//	μ'' = Σ'Σ⁻¹μ',   Σ'' = Σ'Σ⁻¹Σ' - μ'μ'ᵀ,
//
// that Eriksen (1987) solved from a given velocity by a matrix exponential of order 2d+1.
// GaussianExp does that. Between two given ends there is no closed form but for d = 1, equal
// means (√(Σ log² eig(Σ0⁻¹Σ1)/2)) and equal covariances (√2 arccosh(1 + Δ²/4), Δ the
// Mahalanobis distance). GaussianGeodesic lifts the problem to matrices K(Ω) that leave a form
// of signature (d+1, d) invariant, with one antisymmetric unknown Ω, and minimises the length
//
//	D² = |log K Kᵀ|²/4,   gradient in Ω: its antisymmetric part in the lower left block,
//
// by L-BFGS with the inverse Hessian (w_i w_j - 1)/log(w_i w_j), where Σ1 + (μ1-μ0)(μ1-μ0)ᵀ
// seen from N(0, I) has the eigenvalues w, and, where that does not suffice, by Newton's
// method. It is our observation that the invariant form reduces the logarithm to the
// singular value decomposition of a (d+1) x d block, and that Newton's method comes at the
// price of a few products. The result carries certificates: the residual |R| of the gradient,
// the lower bound of Calvo and Oller, the upper bound √(KL(p‖q) + KL(q‖p)), and whether it
// converged. Two geodesics may join a pair far apart; the shorter one found is returned.
// Independent coordinates are not a totally geodesic submanifold: the distance of two normal
// distributions with diagonal covariances and more than one mean that differs is less than
// the root of the sum of squares over the coordinates, which is the distance in the Product
// family.
//
// Any other family with third cumulants T has the geodesic equation
//
//	θ'' = -G⁻¹ T[θ', θ']/2
//
// (GeodesicField, with all α-connections); FamilyGeodesic solves it between two ends.
//
// # Solving with Fisher matrices
//
// The natural gradient (G + λD)⁻¹g needs a solution with a matrix that goes by three names
// which are not the same: the Fisher matrix (expectation over the model), the empirical
// Fisher matrix (over the labels of the data), the Gauss-Newton matrix; see Curvature. There
// are SolveDense (Cholesky), CG (products alone, with a Jacobi preconditioner),
// EmpiricalFisher.Solve (Woodbury's identity for fewer samples than parameters),
// BlockDiagonal and Kronecker (KFAC). A curvature <= 0 met by CG is a *BreakdownError, a
// singular matrix an ErrSingularFisher that names its rank. SoftmaxRegression has all the
// matrices, Fit with Regression fits it. FisherMetric makes a family's Fisher metric the metric of
// flow.NaturalFlow.
//
// # Fisher-Rao against Wasserstein
//
// The same divergence has another gradient flow in the 2-Wasserstein metric. For normal
// distributions with the target N(m*, C*), P = C*⁻¹, and the loss KL(p‖q)
//
//	Fisher-Rao   m' = -CP(m-m*),  C' = C - CPC        rate 2 for every target
//	Wasserstein  m' = -P(m-m*),   C' = 2I - PC - CP   rate 2 λmin(P)
//
// GaussianFlow has both, for both losses, as flow.EnergyField with their closed forms;
// BuresWasserstein, TransportMap and WKL belong to them. GraphFlow is the Wasserstein flow on
// a finite graph (Maas 2011), whose equation is that of a reversible Markov chain.
package infogeo
