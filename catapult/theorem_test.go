package catapult

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		kappa, s float64
		phase    Phase
		theorem  string
		bound    float64
	}{
		{0.5, 1e-3, Lazy, "A", 0.5 / 3.5},
		{math.Nextafter(2, 0), 0.3, Lazy, "A", 1},
		{2, 0.1, Critical, "A", 1},
		{math.Nextafter(2, 3), 0.1, Catapult, "A", 1},
		{3, 1e-6, Catapult, "A", 3},
		{4, 1, Critical, "", math.Inf(1)},
		{math.Nextafter(4, 5), 1e-300, Divergent, "B", math.Inf(1)},
		{100, 3, Divergent, "B", math.Inf(1)},
		{3, 0, Stationary, "", 0},
		{5, 0, Stationary, "", 0},
		{0, 0, Stationary, "", 0},
	} {
		got, err := Classify(c.kappa, c.s)
		if err != nil {
			t.Fatal(err)
		}
		if got.Phase != c.phase || got.Theorem != c.theorem || relDiff(got.SumBound, c.bound) > 1e-14 && got.SumBound != c.bound {
			t.Errorf("Classify(%v, %v) = %+v, want %v by theorem %q with Σs <= %v", c.kappa, c.s, got, c.phase, c.theorem, c.bound)
		}
	}
	for _, p := range []MapPoint{{math.NaN(), 0}, {1, math.NaN()}, {-1, 0}, {math.Inf(1), 1}, {3, 2.26}, {1, -1e-9}} {
		if _, err := Classify(p.Kappa, p.S); !errors.Is(err, ErrArgument) {
			t.Errorf("Classify(%v): error %v, want ErrArgument", p, err)
		}
		if _, err := CheckTheorem(p.Kappa, p.S, 10); !errors.Is(err, ErrArgument) {
			t.Errorf("CheckTheorem(%v): error %v, want ErrArgument", p, err)
		}
	}
	for _, p := range []MapPoint{{4, 1}, {3, 0}} {
		if _, err := CheckTheorem(p.Kappa, p.S, 10); !errors.Is(err, ErrArgument) {
			t.Errorf("CheckTheorem(%v), to which no theorem applies: error %v", p, err)
		}
	}
	if _, err := CheckTheorem(3, 1, 0); !errors.Is(err, ErrArgument) {
		t.Errorf("no steps: error %v", err)
	}
}

// Every prediction of the certificate must hold on runs from random starts on both
// sides of both thresholds.
func TestCertificateOnRandomStarts(t *testing.T) {
	const starts = 20000
	r := rand.New(rand.NewPCG(5, 6))
	points, results := make([]MapPoint, starts), make([]MapResult, starts)
	for i := range points {
		points[i] = admissibleStart(r, 0, 4.5)
	}
	MapTrajectories(results, points, 1<<21)
	seen := map[Phase]int{}
	for i, p := range points {
		c, err := Classify(p.Kappa, p.S)
		if err != nil {
			t.Fatal(err)
		}
		got := results[i]
		if got.Phase == Undecided {
			t.Errorf("%v: undecided at κ = %v", p, got.KappaInf)
			continue
		}
		seen[c.Phase]++
		const eps = 1e-12
		switch {
		case got.Phase != c.Phase:
			t.Errorf("%v: run says %v, certificate %v", p, got.Phase, c.Phase)
		case got.KappaInf > c.KappaBound || got.SumS > c.SumBound*(1+eps) || got.SMax > c.SMaxBound*(1+eps):
			t.Errorf("%v: %+v violates %+v", p, got, c)
		case c.Phase == Lazy && got.TPeak != 0:
			t.Errorf("%v: the loss of a lazy run peaks at %d", p, got.TPeak)
		case c.Phase == Catapult && p.Kappa-p.S > 2 && got.TPeak == 0:
			t.Errorf("%v: the loss of a catapult does not rise", p)
		case c.Phase == Catapult && got.SumS > (p.Kappa-got.KappaInf)/(4-p.Kappa)*(1+eps):
			t.Errorf("%v: Σs = %v above the bound of theorem A", p, got.SumS)
		}
	}
	t.Logf("phases: %v", seen)
	if seen[Lazy] < 1000 || seen[Catapult] < 1000 || seen[Divergent] < 1000 {
		t.Errorf("phases seen: %v", seen)
	}
}

func TestTheoremsOnRandomStarts(t *testing.T) {
	const starts, steps = 20000, 300
	r := rand.New(rand.NewPCG(7, 8))
	var worst TheoremCheck
	for range starts {
		p := admissibleStart(r, 0.01, 6)
		c, err := CheckTheorem(p.Kappa, p.S, steps)
		if err != nil {
			t.Fatal(err)
		}
		tol := 1e-15 * float64(steps)
		if c.Monotone > 0 || c.Border < -tol || c.Slack < -tol || c.Law > 1e-14 {
			t.Errorf("%v: %+v", p, c)
		}
		if c.Escaped != (p.Kappa > 4) {
			t.Errorf("%v: escaped is %t after %d steps", p, c.Escaped, c.Steps)
		}
		worst.Border = min(worst.Border, c.Border)
		worst.Slack = min(worst.Slack, c.Slack)
		worst.Law = max(worst.Law, c.Law)
	}
	t.Logf("worst: border %.2g, slack %.2g, law %.2g", worst.Border, worst.Slack, worst.Law)
}
