// Package kernel holds the hot loops of the library, written once for float32,
// float64 and types derived from them: vector updates, matrix products and
// elementwise maps. Who writes a model of their own needs them as much as the
// models that come with the library do.
//
// # Contents
//
// Vectors (level 1):
//
//	Dot               xᵀy
//	Axpy, AxpyTo      y += a x,  dst = y + a x
//	Axpby, Scal       y = a x + b y,  x = a x
//	AddTo SubTo MulTo elementwise x+y, x-y, x*y
//	LincombTo         dst = x + h Σ c_i k_i   (a Runge-Kutta stage in one pass)
//	WeightedNorm      sqrt(mean((v_j/w_j)²)),  w_j = atol + rtol max(|x_j|,|y_j|)
//	WeightedErrorNorm the same of v = h Σ e_i k_i, which is never stored
//	Secant            s·s, s·d and d·d of s = x1-x0, d = g1-g0
//	MomentumTo        v1 = β v + h f, dst = x + v1, in one pass
//	SignAxpyTo        dst = y + a sign(x)
//	AdamTo            a step of Adam with both moments, in one pass
//	ScaledStepTo      a step of RMSProp or AdaGrad, in one pass
//	InvSqrtScaleTo    1/sqrt(a sqrt(s_i) + b), their preconditioner
//	Sum SumSq Nrm2 MaxAbs Max AllFinite
//	NegSumSq          x = -x, returns Σ x_i²
//
// Matrix and vector (level 2), for row-major matrices ([Matrix]):
//
//	Gemv, GemvT       y = α A x + β y,  y = α Aᵀ x + β y
//	Ger               A += α x yᵀ
//	NormalGrad        r = A x - b, g = Aᵀ r, returns ½|r|², one pass over A
//	RowwiseGrad       g = Σ_i coef_i a_i for losses Σ_i ℓ_i(a_iᵀx)
//	RootStep          a step towards y_i = σ(p_i+vy_i) for tanh and the logistic function
//	RootGrad          the same of p = A w, with the gradient of Σ (y_i-t_i)², one pass over A
//
// Matrix products (level 3):
//
//	Gemm GemmNT GemmTN   C = α A B + β C, α A Bᵀ + β C, α Aᵀ B + β C
//	Syrk SyrkT           C = α A Aᵀ + β C, α Aᵀ A + β C
//	GemmBatch GemmBatchNT GemmBatchTN GemvBatch
//
// Elementwise maps and row operations:
//
//	Exp Log Tanh Sigmoid Softplus Erf GELU ReLU LeakyReLU ReLUGrad LeakyReLUGrad
//	AddBias BiasReLU SoftmaxRows LogSumExpRows
//	SquaredDistances GaussianKernel
//	ExpSum            e^(x_i-z) and their sum
//	RelativeEntropy   Σ p_i log(p_i/q_i) - p_i + q_i; RelativeEntropyRows
//	LogitDescentRows  a step of gradient descent of KL(q‖softmax(z)) in z, with its loss
//	QuotientTo        (x + c y)/(y + s)
//
// # Conventions
//
// The destination comes first. Lengths and shapes that do not fit are
// programming errors and panic with a message that names both numbers. Norms,
// sums of squares and energies are computed and returned in float64 whatever
// the element type. With β = 0 the old content of the destination is not read,
// so it may hold NaN; with α = 0 the matrix operands are not read, as in BLAS.
// Otherwise NaN and Inf propagate as in the written formula. Source and
// destination must not overlap unless a function says that they may; then they
// must be the same slice, not shifted parts of one.
//
// A call does not allocate, apart from scratch memory of large products that is
// kept for the next ones.
//
// # Assembly
//
// On amd64 with AVX2 and FMA the kernels are assembly. Elsewhere, in builds with
// the tag noasm or purego, and in programs that are started with GRADFLOW_NOASM=1
// in their environment, a portable twin in Go does the same work more slowly. There
// is no assembly for arm64: nobody has tested one.
//
// Large matrix products, products of matrices with vectors, batches and
// transcendental maps are divided among as many goroutines as GOMAXPROCS says, as
// long as the parts are worth waking a worker for; with GOMAXPROCS=1 nothing runs
// but the caller.
//
// # Reproducibility
//
// The order of operations depends on the lengths only, so a call with the same
// arguments gives the same bits, whatever GOMAXPROCS is. Different builds
// (architectures, build tags) and CPUs may differ by rounding.
package kernel
