// Package lanczos computes a few extreme eigenpairs of a symmetric operator H on
// R^n of which only products H v are available, by the Lanczos process with full
// reorthogonalisation.
//
// From a start vector q_1 the process builds an orthonormal basis Q_m of the
// Krylov space span{q_1, H q_1, ..., H^{m-1} q_1} with
//
//	H Q_m = Q_m T_m + β_m q_{m+1} e_mᵀ,   T_m tridiagonal (α_j, β_j).
//
// An eigenpair (θ, s) of T_m gives the Ritz pair (θ, Q_m s), whose residual is
// known without a further product: |H y - θ y| = |β_m s_m|. It is converged when
// that is at most tol |θ|, and then an eigenvalue of H lies within it.
//
// One Krylov space holds every eigenvalue once, whatever its multiplicity, and
// it may be invariant too early (β_m = 0). Both are met by deflation: the pairs
// found are locked and a further sequence is started from a new random vector
// orthogonal to them, until a sequence brings nothing that belongs among the
// wanted pairs. See B. N. Parlett, The Symmetric Eigenvalue Problem (SIAM, 1998),
// chapters 11 to 13.
package lanczos
