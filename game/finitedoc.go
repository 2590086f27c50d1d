// # Finite games
//
// A Finite is a game in normal form with payoffs u_m(a), which are maximised. Let E_m be
// the mean over player m's own action, under a reference measure μ_m (uniform if nothing
// is said), and c_m a weight of the player (his number of actions h_m). The game is the
// sum u = P + H + N of games of Candogan, Menache, Ozdaglar and Parrilo (arXiv
// 1005.2405):
//
//	N_m = E_m u_m                                non-strategic
//	P_m = (I - E_m)φ                             potential, φ = Δ⁺ Σ_m c_m (I - E_m)u_m
//	H_m = u_m - N_m - P_m                        harmonic, Σ_m c_m (I - E_m)H_m = 0
//
// with Δ = Σ_m c_m (I - E_m). The analysis of variance diagonalises Δ: on the component
// u^T of the subset T of players it is Σ_{m in T} c_m. So φ^T = Σ_{m in T} c_m u_m^T /
// Σ_{m in T} c_m, and the components come from as many additions for a profile as there
// are players, times a small number; no matrix is built. FiniteParts has them with the
// metrics of FiniteMetrics; RatFinite does the same in rational arithmetic, FiniteBatch
// many small games at once.
//
// A two-player zero-sum game with interior equilibrium x* is harmonic and non-strategic
// for μ = x*, c = (1, 1) (our derivation; the general case is Legacci et al., arXiv
// 2405.07224).
//
// Dynamics of finite games are fields of package flow. NewReplicator and
// NewEuclideanFTRL have the scores y_m' = v_m as coordinates; NewLogit, NewBNN, NewSmith
// and NewBestResponse the probabilities. MWU, OptimisticMWU and AlternatingMWU are
// discrete learning. What the replicator conserves are flow.Invariants:
//
//	harmonic game for c and μ          Σ_m c_m Σ_a μ_m(a) log x_m(a)
//	two-player zero-sum, interior x*   Σ_m KL(x*_m ‖ x_m)
//	potential game                     dφ/dt = Σ_m Var_{x_m}(v_m) >= 0
//
// Multilinear and Softmax make a Finite a Game of losses -u_m. Equilibria are found by
// PureEquilibria and, for two players, Nash2; Regrets and NashConv say how far a mixed
// profile is from one. ReadNFG reads Gambit's files.
//
// # Grids
//
// If the player Laplacians L_i = D_i*D_i commute and are diagonal in one basis, the
// potential is φ = Σ_i L_i l_i / Σ_i L_i in its modes, on R^n as on
//
//	Torus      Fourier modes, L_i = Σ (2πm_k/T_k)²               both parts exact, and a constant field
//	Box        cosine modes (DCT-II), L_i = Σ (2-2cos(πm_k/N_k))/h_k²      both parts exact
//	Finite     subsets T of players, L_i = c_i for i in T        potential and harmonic
//
// and FreeSpace has the limit of fields that decay on R² and R³, by convolution with the
// Green's function of the Laplacian.
package game
