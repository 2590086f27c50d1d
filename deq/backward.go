package deq

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// Rule is how the backward pass replaces the inverse (I - J)⁻¹ of the implicit
// function theorem, where J is the Jacobian of the layer.
type Rule int

// Backward rules.
const (
	Exact   Rule = iota // (I - J)⁻¹ itself
	Neumann             // I + J + ... + J^(T-1); with T = 1 the Jacobian-free backpropagation of arXiv 2103.12803
	Damped              // λ Σ_{j<T} ((1-λ)I + λJ)^j, the phantom gradient of arXiv 2111.05177
)

// String returns the name of the rule.
func (r Rule) String() string {
	if r < 0 || r > Damped {
		return fmt.Sprintf("Rule(%d)", int(r))
	}
	return [...]string{"exact", "neumann", "damped"}[r]
}

// Backward is a backward rule with its parameters. The zero Backward is exact
// implicit differentiation.
type Backward struct {
	Rule Rule
	// Terms is the number T of terms of Neumann and Damped. If it is zero, it is 1.
	Terms int
	// Damping is λ of Damped, 0 < λ <= 1. If it is zero, it is 1/2.
	Damping float64
}

// JFB is Jacobian-free backpropagation, Neumann's series with one term.
func JFB() Backward { return Backward{Rule: Neumann, Terms: 1} }

// String names the rule as in "neumann, 3 terms" or "jfb".
func (b Backward) String() string {
	t, l := b.terms()
	switch b.Rule {
	case Neumann:
		if t == 1 {
			return "jfb"
		}
		return fmt.Sprintf("neumann, %d terms", t)
	case Damped:
		return fmt.Sprintf("damped %g, %d terms", l, t)
	}
	return b.Rule.String()
}

// terms returns T and λ; Neumann's series is the damped one with λ = 1.
func (b Backward) terms() (terms int, lambda float64) {
	terms, lambda = max(1, b.Terms), 1
	if b.Rule == Damped {
		if lambda = b.Damping; lambda == 0 {
			lambda = 0.5
		}
	}
	return terms, lambda
}

// check says what is wrong with a rule.
func (b Backward) check() error {
	switch {
	case b.Rule < Exact || b.Rule > Damped:
		return fmt.Errorf("deq: Rule = %v, want Exact, Neumann or Damped: %w", b.Rule, ErrArgument)
	case b.Terms < 0:
		return fmt.Errorf("deq: Terms = %d, want a number >= 1, or 0 for the default: %w", b.Terms, ErrArgument)
	case !(b.Damping >= 0 && b.Damping <= 1):
		return fmt.Errorf("deq: Damping = %v, want 0 < λ <= 1, or 0 for the default: %w", b.Damping, ErrArgument)
	}
	return nil
}

// Factor returns f(q), by which the rule replaces 1/(1-q) in a model with scalar
// equilibrium and slope q = vσ' of its map: 1/(1-q), or with Q = 1-λ+λq the sum
// λ(1 + Q + ... + Q^(T-1)).
func (b Backward) Factor(q float64) float64 {
	if b.Rule == Exact {
		return 1 / (1 - q)
	}
	terms, lambda := b.terms()
	p, sum := 1-lambda+lambda*q, 0.0
	for range terms {
		sum = sum*p + lambda
	}
	return sum
}

// Share returns (1-q) f(q) = 1 - Q^T, the part of the exact gradient that the rule
// delivers where all samples have one slope q, as in the scalar linear model. A
// zero of it is a spurious stop; it is 1 for the exact rule.
func (b Backward) Share(q float64) float64 {
	if b.Rule == Exact {
		return 1
	}
	terms, lambda := b.terms()
	return 1 - math.Pow(1-lambda+lambda*q, float64(terms))
}

// ruleField is the descent direction of a backward rule as a field with the risk
// as its energy. For the exact rule it is the gradient flow.
type ruleField[T flow.Float] struct {
	dim  int
	eval func(dst, x []T) (risk, slope float64)
	caps flow.Caps[T]
}

func (f *ruleField[T]) Dim() int { return f.dim }

func (f *ruleField[T]) Eval(dst, x []T, _ float64) { f.eval(dst, x) }

func (f *ruleField[T]) EvalEnergy(dst, x []T, _ float64) (risk, slope float64) {
	return f.eval(dst, x)
}

func (f *ruleField[T]) Caps() flow.Caps[T] { return f.caps }
