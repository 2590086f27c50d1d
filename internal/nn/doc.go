// Package nn holds multilayer perceptrons with hand-written derivatives, batched
// over samples, on a flat parameter vector: what the training dynamics of real
// networks need, and no more.
//
// A network of L layers with sizes n_0, ..., n_L maps a batch H_0 = X (m x n_0) by
//
//	Z_l = s_l H_{l-1} W_lᵀ + t b_l       s_l = σ_w/√n_{l-1}, t = σ_b
//	H_l = φ(Z_l), l < L;                 f = Z_L  (m x n_L)
//
// with W, b ~ N(0, 1): the parameterisation of the neural tangent kernel
// (arXiv 1806.07572). In the standard one s_l = t = 1 and W_l ~ N(0, σ_w²/n_{l-1}),
// b_l ~ N(0, σ_b²). The parameter vector θ is W_1 (row-major, n_1 x n_0), b_1,
// W_2, b_2, ...
//
// [MLP] is the architecture, [Workspace] the memory in which a batch is passed
// through it. With J = ∂f/∂θ (mK x p) a workspace gives, each at the price of
// about one gradient,
//
//	Forward    f(θ)
//	Backward   Jᵀ r,            kept for what follows
//	VJP        Jᵀ r
//	JVP        J v
//	SecondJVP  ∂²/∂ε² f(θ + ε v)
//	RBackward  ∂/∂ε [J(θ + ε v)ᵀ r(ε)]: Pearlmutter's R-operator
//
// from which Hessian, Gauss-Newton and tangent-kernel products are put together
// with a loss ([Criterion]). Nothing allocates once a workspace has seen its
// largest batch and each kind of pass.
package nn
