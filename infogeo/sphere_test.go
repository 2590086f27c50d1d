package infogeo

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// randomDistribution returns a random distribution on k states, some of them rare.
func randomDistribution(r *rand.Rand, k int) []float64 {
	p, sum := make([]float64, k), 0.0
	for i := range p {
		p[i] = math.Exp(3 * r.NormFloat64())
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// metric returns the Fisher inner product of two tangents at p.
func metric(p, x, y []float64) float64 {
	sum := 0.0
	for i := range p {
		sum += x[i] * y[i] / p[i]
	}
	return sum
}

func TestFisherRaoSphereReference(t *testing.T) {
	var ref struct {
		Cases []struct {
			P, Q   []float64
			Points []struct {
				Alpha, T float64
				Point    []float64
			}
			Log         []float64 `json:"log_p_q"`
			Vector      []float64 `json:"transport_vector"`
			Transported []float64 `json:"transported_fisher_rao"`
		}
	}
	readReference(t, "geodesics.json", &ref)
	for _, c := range ref.Cases {
		got := make([]float64, len(c.P))
		n := 0
		for _, pt := range c.Points {
			if pt.Alpha != 0 {
				continue
			}
			n++
			if err := FisherRaoGeodesic(got, c.P, c.Q, pt.T); err != nil || !(relVec(got, pt.Point) <= 1e-13) {
				t.Errorf("geodesic at %v: %v %v, want %v", pt.T, got, err, pt.Point)
			}
		}
		if n == 0 {
			t.Error("no point of a Fisher-Rao geodesic")
		}
		FisherRaoLog(got, c.P, c.Q)
		if !(relVec(got, c.Log) <= 1e-13) {
			t.Errorf("log map %v, want %v", got, c.Log)
		}
		if err := FisherRaoTransport(got, c.P, c.Q, c.Vector); err != nil || !(relVec(got, c.Transported) <= 1e-13) {
			t.Errorf("transport %v %v, want %v", got, err, c.Transported)
		}
	}
	var simplex struct {
		Pairs, Cases, Hard []struct {
			P, Q      []float64
			FisherRao float64 `json:"fisher_rao"`
		}
	}
	readReference(t, "simplex.json", &simplex)
	all := append(append(simplex.Pairs, simplex.Cases...), simplex.Hard...)
	for _, c := range all {
		if got := FisherRaoDistance(c.P, c.Q); c.FisherRao != 0 && !(math.Abs(got/c.FisherRao-1) <= 1e-7) {
			t.Errorf("distance of %v and %v: %v, want %v", c.P, c.Q, got, c.FisherRao)
		}
	}
	if len(simplex.Hard) == 0 || len(all) < 4 {
		t.Errorf("%d pairs, %d hard", len(all), len(simplex.Hard))
	}
	if got, want := FisherRaoDistance([]float64{.7, .2, .1}, []float64{.1, .3, .6}), 1.4318908106379618; !(math.Abs(got/want-1) <= 1e-15) {
		t.Errorf("distance %v, want %v", got, want)
	}
}

// TestFisherRaoSphere: the maps of a sphere fit one another.
func TestFisherRaoSphere(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for n := range 300 {
		k := 2 + n%20
		p, q, s := randomDistribution(r, k), randomDistribution(r, k), randomDistribution(r, k)
		if n%3 == 0 { // near p
			for i := range q {
				q[i] = p[i] * (1 + 1e-7*r.NormFloat64())
			}
			kernel.Scal(1/kernel.Sum(q), q)
		}
		v, w, got := make([]float64, k), make([]float64, k), make([]float64, k)
		d := FisherRaoDistance(p, q)
		if back := FisherRaoDistance(q, p); back != d {
			t.Fatalf("%d: distance %v there, %v back", n, d, back)
		}
		if a, b := FisherRaoDistance(p, s), FisherRaoDistance(s, q); d > (a+b)*(1+1e-14) {
			t.Fatalf("%d: triangle %v > %v + %v", n, d, a, b)
		}
		FisherRaoLog(v, p, q)
		if l := math.Sqrt(metric(p, v, v)); !(math.Abs(l/d-1) <= 1e-12) {
			t.Fatalf("%d: length of the logarithm %v, distance %v", n, l, d)
		}
		if err := FisherRaoExp(got, p, v); err != nil || !(FisherRaoDistance(got, q) <= 1e-13) {
			t.Fatalf("%d: Exp(Log q) = %v %v, want %v", n, got, err, q)
		}
		if err := FisherRaoGeodesic(got, p, q, 0.3); err != nil {
			t.Fatal(err)
		}
		if a, b := FisherRaoDistance(p, got), FisherRaoDistance(got, q); !(math.Abs(a-0.3*d)+math.Abs(b-0.7*d) <= 1e-13) {
			t.Fatalf("%d: distances %v and %v at t = .3, the whole is %v", n, a, b, d)
		}
		// The velocity is transported to minus the velocity of the way back.
		FisherRaoLog(w, q, p)
		if err := FisherRaoTransport(got, p, q, v); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if !(math.Abs(got[i]+w[i]) <= 1e-13) {
				t.Fatalf("%d: transported velocity %v, want minus %v", n, got, w)
			}
		}
		// Inner products are kept.
		x, y := make([]float64, k), make([]float64, k)
		FisherRaoLog(x, p, s)
		FisherRaoLog(y, p, randomDistribution(r, k))
		before := metric(p, x, y)
		for _, z := range [][]float64{x, y} {
			if err := FisherRaoTransport(z, p, q, z); err != nil {
				t.Fatal(err)
			}
		}
		if after := metric(q, x, y); !(math.Abs(after-before) <= 1e-10) {
			t.Fatalf("%d: inner product %v, transported %v", n, before, after)
		}
	}
}

func TestFisherRaoSphereBoundary(t *testing.T) {
	if d := FisherRaoDistance([]float64{1, 0}, []float64{0, 1}); math.Abs(d-math.Pi) > 1e-15 {
		t.Errorf("distance of vertices %v, want π", d)
	}
	dst := make([]float64, 3)
	p := []float64{0.2, 0.3, 0.5}
	var left *LeftDomainError
	if err := FisherRaoExp(dst, p, []float64{-2, 1, 1}); !errors.As(err, &left) || left.Index != 0 || !(left.Value < 0) {
		t.Errorf("long velocity: %v", err)
	}
	if s := dst[0] + dst[1] + dst[2]; math.Abs(s-1) > 1e-15 {
		t.Errorf("reflected point %v sums to %v", dst, s)
	}
	if err := FisherRaoGeodesic(dst, p, []float64{0.1, 0.1, 0.8}, 5); !errors.Is(err, ErrLeftDomain) {
		t.Errorf("t = 5: %v", err)
	}
	edge := []float64{0, 0.5, 0.5}
	if err := FisherRaoExp(dst, edge, []float64{0.1, 0, -0.1}); !errors.Is(err, ErrBoundary) {
		t.Errorf("velocity out of the boundary: %v", err)
	}
	if err := FisherRaoTransport(dst, edge, p, []float64{0.1, 0, -0.1}); !errors.Is(err, ErrBoundary) {
		t.Errorf("tangent out of the boundary: %v", err)
	}
	if err := FisherRaoExp(dst, edge, []float64{0, 0.1, -0.1}); err != nil || dst[0] != 0 {
		t.Errorf("along the boundary: %v %v", dst, err)
	}
	FisherRaoLog(dst, p, p)
	if dst[0] != 0 || dst[1] != 0 || dst[2] != 0 {
		t.Errorf("logarithm of the point itself %v", dst)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic for lengths 2 and 3")
		}
	}()
	FisherRaoDistance(p, p[:2])
}

func BenchmarkFisherRaoDistance(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	p, q := randomDistribution(r, 10000), randomDistribution(r, 10000)
	b.ReportAllocs()
	for b.Loop() {
		FisherRaoDistance(p, q)
	}
	b.ReportMetric(1e4*float64(b.N)/b.Elapsed().Seconds(), "states/s")
}
