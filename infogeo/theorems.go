package infogeo

import (
	"context"
	"fmt"
	"math"
	"strings"
)

// Relation is how a measured number is to relate to the stated one.
type Relation string

// Relations of a Claim.
const (
	Equal   Relation = "="
	AtMost  Relation = "<="
	AtLeast Relation = ">="
)

// Claim is one number that a theorem states, and what was measured.
type Claim struct {
	Theorem   string // T1 to T10
	Statement string
	Measured  float64
	Relation  Relation
	Stated    float64
	Tol       float64 // relative tolerance
	Pass      bool
}

// Report is the outcome of VerifyTheorems.
type Report struct {
	Claims []Claim
	// EtaBelowNatural says whether L_eta(t) <= L_nat(t) all along the forward flows from
	// p0. It is an observation: for n >= 2 nobody has proved it.
	EtaBelowNatural bool
}

// Pass says whether every claim holds.
func (r *Report) Pass() bool {
	for _, c := range r.Claims {
		if !c.Pass {
			return false
		}
	}
	return true
}

// String returns the claims as a table, one to a line.
func (r *Report) String() string {
	var b strings.Builder
	for _, c := range r.Claims {
		mark := "ok  "
		if !c.Pass {
			mark = "FAIL"
		}
		fmt.Fprintf(&b, "%s %-3s %-62s %.10g %s %.10g (tol %.0e)\n", mark, c.Theorem, c.Statement, c.Measured, c.Relation, c.Stated, c.Tol)
	}
	return b.String()
}

// add notes a claim and judges it.
func (r *Report) add(theorem, statement string, measured float64, rel Relation, stated, tol float64) {
	slack := tol * math.Abs(stated)
	if stated == 0 {
		slack = tol
	}
	var ok bool
	switch rel {
	case Equal:
		ok = math.Abs(measured-stated) <= slack
	case AtMost:
		ok = measured <= stated+slack
	default:
		ok = measured >= stated-slack
	}
	r.Claims = append(r.Claims, Claim{theorem, statement, measured, rel, stated, tol, ok})
}

// verifier is what the theorems are checked with.
type verifier struct {
	Report
	ctx    context.Context
	q, p0  []float64 // reference state last
	n      int
	s      Spectrum
	eigs   []float64
	l0     float64 // KL(q‖p0)
	rates  map[Loss]map[Geometry]float64
	bounds SpectrumBounds
}

// VerifyTheorems checks numerically, for the target q, the start p0 and the reference
// state ref, what is claimed about the gradient flows of KL on the simplex of K = n+1
// states (λ_1 <= ... <= λ_n being the eigenvalues of the Fisher matrix G_q), and two
// statements beyond the simplex:
//
//	T1   the Hessian of both divergences, and of α-divergences, at q is G_q in θ, G_q⁻¹ in η
//	T2   L falls at the rates 2λ_1 (θ), 2 (natural), 2/λ_n (η); at 2λ_k, 2, 2/λ_k in an eigenspace
//	T3   rate θ <= 1/(2n) < 2 < 4 < rate η  (n = 1: <= 1/2, >= 8)
//	T4   L_θ(t) >= e^-t L(0) >= L_nat(t) and L_η(t) <= e^-2t L(0); |L'|_η >= 2|L'|_nat >= 4|L'|_θ at one point
//	T5   e^2t L_nat(t) → ½ Σ (p_i(0)-q_i)²/q_i
//	T6   the natural flow passes through the same distributions in all coordinates
//	T7   in coordinates whitened by (cG_q)^(-1/2) the rates are 2c (η) and 2/c (θ)
//	T8   a certified rate of the flow in θ: L(t) <= e^-2mt L(0), m from L(0) and q
//	T9   in any exponential family the natural flow runs straight in η, its excess loss at the rate 2;
//	     the order of the rates is special to the simplex (Poisson with mean 4: 8, 2, 1/2)
//	T10  in a curved family the rate is 2 λ_min(I⁻¹ ∇²L), 2 only where the target is in the model
//
// T2 and T3 refer to the statements of A. Datar and N. Ay, "Convergence Properties of
// Natural Gradient Descent for Minimizing KL Divergence" (arXiv 2504.19259); the other
// statements, and the precise forms, are ours. Rates are measured to 1e-6 by following
// θ - θ_q to losses of 1e-200. The time it takes grows with the condition number λ_n/λ_1;
// at 12 it is a few hundredths of a second.
//
// A claim that fails is no error but shows in the report. The error wraps ErrInvalid,
// ErrBoundary, ErrNoConvergence (of an integration) or the error of the context.
func VerifyTheorems(ctx context.Context, q, p0 []float64, ref int) (*Report, error) {
	v, err := newVerifier(ctx, q, p0, ref)
	if err != nil {
		return nil, err
	}
	for i, check := range []func() error{v.hessians, v.measureRates, v.sandwich, v.global, v.constant, v.invariance, v.affine, v.certified, v.families, v.curved} {
		if err := ctx.Err(); err != nil {
			return &v.Report, err
		}
		if err := check(); err != nil {
			return &v.Report, fmt.Errorf("infogeo: check of T%d: %w", i+1, err)
		}
	}
	return &v.Report, nil
}

func newVerifier(ctx context.Context, q, p0 []float64, ref int) (*verifier, error) {
	if err := checkInterior("q", q); err != nil {
		return nil, err
	}
	if err := checkInterior("p0", p0); err != nil {
		return nil, err
	}
	if len(p0) != len(q) {
		return nil, fmt.Errorf("infogeo: p0 has %d states and q %d: %w", len(p0), len(q), ErrShape)
	}
	if err := checkState(ref, len(q)); err != nil {
		return nil, err
	}
	n := len(q) - 1
	v := &verifier{ctx: ctx, q: make([]float64, n+1), p0: make([]float64, n+1), n: n, eigs: make([]float64, n), l0: KL(q, p0), rates: map[Loss]map[Geometry]float64{}}
	toLast(v.q, q, ref)
	toLast(v.p0, p0, ref)
	if v.l0 == 0 {
		return nil, fmt.Errorf("infogeo: p0 is q: there is nothing to descend: %w", ErrInvalid)
	}
	v.s = extremes(v.q[:n], v.q[n])
	if err := SimplexEigenvalues(v.eigs, v.q, n); err != nil {
		return nil, err
	}
	var err error
	v.bounds, err = SimplexBounds(v.q, n)
	return v, err
}
