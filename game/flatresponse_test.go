package game

import "testing"

// TestFlatBestResponse: where the own Hessian is flat the loss has a lower bound only if it
// has no slope there; then the coordinate stays.
func TestFlatBestResponse(t *testing.T) {
	g, err := ParseGame([]int{1, 2}, []string{"x^2", "u^2 - 2u + v + x*v"}, "x", "u", "v")
	if err != nil {
		t.Fatal(err)
	}
	if r, err := g.BestResponse(1, []float64{2, 0.5, 3}); err != nil || !r.Unbounded {
		t.Errorf("slope 3 in v: %+v, %v, want unbounded", r, err)
	}
	r, err := g.BestResponse(1, []float64{-1, 0.5, 3})
	if err != nil || r.Unbounded || r.X[0] != 1 || r.X[1] != 3 || r.Regret != 0.25 {
		t.Errorf("no slope in v: %+v, %v, want (1, 3) with a regret of 1/4", r, err)
	}
}
