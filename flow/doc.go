// Package flow advances dynamical systems: gradient flows and other differential
// equations, discrete descent methods, maps. It says what a system is, how it is
// advanced, who decides the step, and runs all of them by one loop with events,
// dense output, recorders, stop rules and checkpoints.
//
// # Systems
//
// A model states one of two things, each one method beside its dimension:
//
//	Field   dx/dt = f(t, x)
//	Energy  E(x) with its gradient
//
// The other systems are built from an Energy:
//
//	GradientFlow(e)    dx/dt = -∇E                    dE/dt = -‖∇E‖²
//	NaturalFlow(e, G)  dx/dt = -G(x)⁻¹ ∇E             dE/dt = -∇Eᵀ G⁻¹ ∇E
//	HeavyBall(e, γ)    dx/dt = v, dv/dt = -γv - ∇E     dH/dt = -γ‖v‖²,  H = E + ‖v‖²/2
//	NesterovODE(e)     the same with γ = 3/t
//
// What else a model can do (Hessian-vector products, mini-batches, invariants) it
// says in one struct, Caps. States are slices of float32 or float64; time, steps,
// energies, errors and rates are float64.
//
// # The loop
//
// An Integrator proposes x(t+h), a Controller judges the proposal and chooses the
// next h, the loop owns state and clock:
//
//	h = min(h, MaxStep); shorten it to end at the next forced time
//	propose y ≈ x(t+h) with its scaled local error
//
//	    ε = ‖h Σ e_i k_i‖_sc = sqrt( (1/n) Σ (err_i/sc_i)² ),  sc_i = AbsTol + RelTol max(|x_i|, |y_i|)
//
//	accepted:  t, x = t+h, y; events, save times, jumps, recorder, stop rules
//	rejected:  try again with a smaller h
//
// Under error control (ErrorControl; the values PI, I, H312PID, ...) a step is
// accepted if ε ≤ 1, and with k the order of the error estimate
//
//	h ← h · 0.9 ε_n^(-β1/k) ε_{n-1}^(-β2/k) ε_{n-2}^(-β3/k) (h_n/h_{n-1})^(-α2)
//
// (Söderlind, ACM TOMS 29 (2003) 1). Fixed takes constant steps. Gradient descent
// is Euler's method on the gradient flow, its learning rate the step: package
// flow/descent has the discrete methods and their learning rates for the same
// loop.
//
// The methods for differential equations are explicit Runge-Kutta methods
//
//	k_i = f(t + c_i h, x + h Σ_{j<i} a_ij k_j),  y = x + h Σ b_i k_i,
//
// from Euler and RK4 to BogackiShampine 3(2), DormandPrince 5(4), Tsit5 5(4) and
// DOP853; implicit ones; stabilised ones; and Auto, the default, which begins with
// Tsit5 and changes to one of the others when stiffness shows. Between the steps
// the solution is a polynomial in θ (dense output),
//
//	x(t+θh) = x + h Σ_i k_i Σ_r p_ir θ^(r+1).
//
// # Which method for which problem
//
// Auto, the zero Method, begins with Tsit5 and changes to Rodas5P, ROCK4 or RKC2 by
// itself when the problem turns out to be stiff. Who knows the problem does better
// by the table.
//
// Stiff are problems whose fast components have died out but still dictate the
// step of an explicit method: its steps are near h = 3/ρ, ρ the spectral radius
// of the Jacobian, whatever the tolerance.
//
//	not stiff                                    Tsit5; Verner7 or DOP853 below 1e-8
//	stiff, up to some hundred dimensions         Rodas5P; with a good Jacobian also Rodas4
//	the same, tolerance above 1e-4               TRBDF2, ROS23
//	the same, to ten digits and more             RadauIIA5
//	stiff, Jacobian expensive                    KenCarp4, SDIRK4: they keep it for many steps
//	stiff gradient flow, any dimension           ROCK4 or RKC2, by gradients alone
//	stiff, thousands of dimensions               Krylov{TRBDF2}, Caps.Band, or the model's own Shift
//	energy must fall at any step, also a huge    Proximal; Gonzalez of order 2
//	the same without gradients                   ItohAbe
//	semilinear x' = -Ax + g(x)                   ExponentialEuler (an Integrator)
//	Hamiltonian, separable (HeavyBall(e, 0))     Verlet; KahanLi8 for accuracy
//	quadratic invariants, symplectic             ImplicitMidpoint; Gauss4, Gauss6 for accuracy
//	other invariants                             any method with Options.Jump = Project(...)
//	noise                                        package flow/sde
//	gradient descent, momentum, games            package flow/descent
//
// Rosenbrock methods (Rodas4, Rodas5P) lose order and steps with a poor Jacobian;
// give them Caps.Jacobian or Caps.JacVec where f is large, since differences of f
// are right to eight digits of its largest entries at best. ROS23, RadauIIA5 and the
// diagonally implicit methods do not mind.
//
// Implicit methods solve with I - sJ: by the model's own Caps.Shift and SolveShift
// if there are any, by factors of a band (Caps.Band), by dense LU or, for gradient
// flows, Cholesky factors in float64 up to dimension 500, else by GMRES(30) or
// conjugate gradients. RadauIIA5, Gauss4 and Gauss6 have dense factors alone. A
// factorization above dimension 250 or so runs on several cores and allocates for
// that.
//
// # Stiff gradient flows
//
// On x' = -λx an explicit method of order p is stable for hλ up to 2 or 3 whatever
// it costs. The stabilised methods ROCK4, RKC2, RKL2 and RKC1 spend their stages on
// stability instead: s of them, in a three-term recursion, are stable for
//
//	hλ <= 0.35 s² (ROCK4)   0.65 s² (RKC2)   (s²+s-2)/2 (RKL2)   1.93 s² (RKC1)
//
// so that the work falls as 1/s and no linear system is solved. They are for
// Jacobians with a real negative spectrum, which gradient flows have, of any size;
// s follows from hρ, and the spectral radius ρ from the model (Caps.Radius) or from
// an estimate every 25 steps: 12 Lanczos vectors for gradient flows, power
// iteration for other fields. ROCK4 is for relative tolerances down to 1e-8, RKC2
// and RKL2 for rough ones and for stiff components that a function of time
// drives. A bound that is too small is found out at a rejected step and replaced;
// RadiusReport tells. Where only few components are stiff, as in large spreads of
// time scales, implicit methods do better.
//
// # Recording and stopping
//
// Options.Recorder is shown every step: Columns keeps them in memory, Ring the last
// ones, Statistics their means and variances; CSV and JSONLines write them while
// the run goes. Decimate thins out, Multi joins, RecorderFunc takes a function.
//
// Options.Stop holds rules that end a run: on the energy (StopEnergy, StopProgress,
// StopRise, StopGain), the gradient (StopSlope), the motion (StopStationary), the
// work (StopEvals, StopAfter), or any function of a Step.
//
// # How to start
//
// Steps is an iterator over the accepted steps; Solve runs to the end and returns
// a Solution. Both take a Field; New takes any Integrator and gives the run as a
// value. A run ends with a Status. Divergence is a status, not an error: it is
// what one may be looking for. An error says that something is wrong with the
// input or with the model. In either case everything that was computed is there.
//
// A step allocates nothing. A Checkpoint resumes a run bit for bit. Ensemble runs
// many members on all cores with results that do not depend on their number.
package flow
