package philox

import (
	"math"
	"testing"
)

// TestQuickNormalsFormula compares every number with the formula of the layout, for draws
// that end anywhere in a block of the assembly and beyond one chunk.
func TestQuickNormalsFormula(t *testing.T) {
	var n QuickNormals
	for _, s := range []Stream{{}, {Seed: math.MaxUint64, ID: math.MaxUint32}, {Seed: 1<<40 + 5, ID: 7}} {
		for _, index := range []uint64{0, 1<<56 - 1} {
			for _, size := range []int{0, 1, 2, 3, 15, 31, 32, 33, 64, 1023, 1024, 1025, 3001} {
				z := make([]float64, size+1)
				z[size] = 77
				n.Fill(z[:size], s, Starts, index)
				for i, got := range z[:size] {
					if want := quickNormal(s, Starts, index, i); math.Abs(got-want) > 2e-14 {
						t.Fatalf("%+v at %d: number %d of %d is %v, want %v", s, index, i, size, got, want)
					}
				}
				if z[size] != 77 {
					t.Fatalf("draw of %d wrote behind its end", size)
				}
			}
		}
	}
}

// quickNormal is component i of a draw, by the library's functions.
func quickNormal(s Stream, level Level, index uint64, i int) float64 {
	w0, w1 := s.Words(level, index, uint32(i/4))
	w := w0
	if i%4 >= 2 {
		w = w1
	}
	r := math.Sqrt(-2 * math.Log((float64(uint32(w))+0.5)/(1<<32)))
	sin, cos := math.Sincos(2 * math.Pi * (float64(uint32(w>>32)) + 0.5) / (1 << 32))
	if i%2 == 0 {
		return r * cos
	}
	return r * sin
}

// TestQuickUniforms wants the words, to the last bit, also where q wraps.
func TestQuickUniforms(t *testing.T) {
	s := Stream{Seed: 0xfedcba9876543210, ID: 3}
	for _, q := range []uint32{0, 1, math.MaxUint32 - 5} {
		u, v := make([]float64, 48), make([]float64, 48)
		s.uniforms32(u, v, Steps, 9, q)
		for i := range u {
			w0, w1 := s.Words(Steps, 9, q+uint32(i/2))
			w := [2]uint64{w0, w1}[i%2]
			if u[i] != uniform32(uint32(w)) || v[i] != uniform32(uint32(w>>32)) {
				t.Fatalf("block %d + %d: %v, %v of word %#x", q, i/2, u[i], v[i], w)
			}
		}
	}
}

// TestBoxMullerEdges walks around the circle, borders of the quadrants included, and goes
// to the ends of the uniforms.
func TestBoxMullerEdges(t *testing.T) {
	const n = 4096
	dst, l, v := make([]float64, 2*n), make([]float64, n), make([]float64, n)
	ends := []float64{0, 0.5 / (1 << 32), 0.25, 0.25 - 0.5/(1<<32), 0.5, 0.5 + 0.5/(1<<32), 0.75, 1 - 0.5/(1<<32)}
	for i := range n {
		l[i], v[i] = -0.5, float64(i)/n
		if i < len(ends) {
			v[i] = ends[i]
		}
		if i%3 == 0 {
			l[i] = math.Log(ends[1+6*(i/3%2)])
		}
	}
	boxMuller(dst, l, v)
	for i := range n {
		r := math.Sqrt(-2 * l[i])
		s, c := math.Sincos(2 * math.Pi * v[i])
		if math.Abs(dst[2*i]-r*c) > 1e-14*r || math.Abs(dst[2*i+1]-r*s) > 1e-14*r {
			t.Fatalf("l = %v, v = %v: %v, %v, want %v, %v", l[i], v[i], dst[2*i], dst[2*i+1], r*c, r*s)
		}
	}
}

func TestQuickNormalsMoments(t *testing.T) {
	const n = 100001
	z := make([]float64, n)
	new(QuickNormals).Fill(z, Stream{Seed: 5}, Steps, 0)
	var m [5]float64
	lag := 0.0
	for i, v := range z {
		for p := range m {
			m[p] += math.Pow(v, float64(p)) / n
		}
		if i > 0 {
			lag += v * z[i-1] / n
		}
	}
	// Moments 0, 1, 0, 3 with the standard errors of normal numbers; neighbours are
	// independent.
	for p, se := range []float64{0, 1, math.Sqrt(2), math.Sqrt(15), math.Sqrt(96)} {
		if want := []float64{1, 0, 1, 0, 3}[p]; math.Abs(m[p]-want) > 4*se/math.Sqrt(n)+1e-9 {
			t.Errorf("moment %d = %v, want %v", p, m[p], want)
		}
	}
	if math.Abs(lag) > 4/math.Sqrt(n) {
		t.Errorf("neighbours correlate: %v", lag)
	}
}

func BenchmarkQuickNormals(b *testing.B) {
	z := make([]float64, 1<<14)
	var n QuickNormals
	b.ReportAllocs()
	for b.Loop() {
		n.Fill(z, Stream{Seed: 1}, Steps, 0)
	}
	b.ReportMetric(float64(len(z))*float64(b.N)/b.Elapsed().Seconds(), "numbers/s")
}
