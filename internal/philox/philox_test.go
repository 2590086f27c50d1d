package philox

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

type reference struct {
	Philox struct {
		Known []struct {
			Ctr [4]uint32 `json:"ctr"`
			Key [2]uint32 `json:"key"`
			Out [4]uint32 `json:"out"`
		} `json:"known_answers"`
		Draws []struct {
			Seed     uint64    `json:"seed"`
			Stream   uint32    `json:"stream"`
			Index    uint64    `json:"index"`
			Level    Level     `json:"level"`
			Words    []string  `json:"words"`
			Uniforms []float64 `json:"uniforms"`
			Normals  []float64 `json:"normals"`
		} `json:"draws"`
	} `json:"philox"`
}

func load(t *testing.T) reference {
	t.Helper()
	data, err := os.ReadFile("testdata/philox.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Philox.Known) < 3 || len(r.Philox.Draws) < 5 {
		t.Fatalf("testdata holds %d known answers and %d draws, want at least 3 and 5", len(r.Philox.Known), len(r.Philox.Draws))
	}
	return r
}

func TestKnownAnswers(t *testing.T) {
	for _, k := range load(t).Philox.Known {
		if got := Block(k.Ctr, k.Key); got != k.Out {
			t.Errorf("Block(%v, %v) = %v, want %v", k.Ctr, k.Key, got, k.Out)
		}
	}
}

func TestDraws(t *testing.T) {
	for _, d := range load(t).Philox.Draws {
		s := Stream{Seed: d.Seed, ID: d.Stream}
		w0, w1 := s.Words(d.Level, d.Index, 0)
		for i, w := range []uint64{w0, w1} {
			if got := strconv.FormatUint(w, 10); got != d.Words[i] {
				t.Errorf("%+v: word %d is %s, want %s", s, i, got, d.Words[i])
			}
		}
		u := make([]float64, len(d.Uniforms))
		FillUniforms(u, s, d.Level, d.Index)
		for i, want := range d.Uniforms {
			if u[i] != want {
				t.Errorf("%+v: uniform %d is %v, want %v", s, i, u[i], want)
			}
		}
		z := make([]float64, len(d.Normals))
		FillNormals(z, s, d.Level, d.Index)
		for i, want := range d.Normals {
			// 1e-15 relative to the size of a normal number: the last place of
			// log, cos and sin.
			if math.Abs(z[i]-want) > 1e-15*math.Max(1, math.Abs(want)) {
				t.Errorf("%+v: normal %d is %v, want %v", s, i, z[i], want)
			}
		}
	}
}

func TestFillPrefix(t *testing.T) {
	s := Stream{Seed: 9, ID: 4}
	long := make([]float64, 12)
	FillNormals(long, s, Steps, 77)
	for n := range long {
		short := make([]float64, n)
		FillNormals(short, s, Steps, 77)
		single := make([]float32, n)
		FillNormals(single, s, Steps, 77)
		for i := range short {
			if short[i] != long[i] || single[i] != float32(long[i]) {
				t.Fatalf("component %d of %d is %v (float32 %v), want %v whatever the length", i, n, short[i], single[i], long[i])
			}
		}
	}
}

func TestUniformOpen(t *testing.T) {
	for _, w := range []uint64{0, 1, math.MaxUint64 - 1, math.MaxUint64} {
		if u := uniform(w); !(u > 0 && u < 1) {
			t.Errorf("uniform(%#x) = %v, want a number inside (0, 1)", w, u)
		}
	}
}

func TestMoments(t *testing.T) {
	const n = 1 << 18
	z := make([]float64, n)
	FillNormals(z, Stream{Seed: 3}, Steps, 0)
	var m [5]float64
	for _, v := range z {
		p := 1.0
		for k := range m {
			m[k] += p / n
			p *= v
		}
	}
	// Standard errors of the first four moments: sqrt(1, 2, 15, 96)/sqrt(n).
	for k, want := range []float64{0, 1, 0, 3} {
		se := math.Sqrt([]float64{1, 2, 15, 96}[k] / n)
		if math.Abs(m[k+1]-want) > 5*se {
			t.Errorf("moment %d is %v, want %v ± %v", k+1, m[k+1], want, 5*se)
		}
	}
	FillUniforms(z, Stream{Seed: 3}, Steps, 1)
	var cells [64]float64
	for _, v := range z {
		cells[int(v*64)]++
	}
	chi := 0.0
	for _, c := range cells {
		chi += (c - n/64.0) * (c - n/64.0) / (n / 64.0)
	}
	if chi > 63+5*math.Sqrt(2*63) {
		t.Errorf("chi-squared of the uniforms is %v with 63 degrees of freedom", chi)
	}
}

func TestSourceFollowsStream(t *testing.T) {
	s := NewSource(5, 6)
	st := Stream{Seed: 5, ID: 6}
	var want []uint64
	for i := range uint64(8) {
		w0, w1 := st.Words(Sequence, i, 0)
		want = append(want, w0, w1)
	}
	for i, w := range want {
		if got := s.Uint64(); got != w {
			t.Fatalf("word %d is %d, want %d", i, got, w)
		}
	}
	for _, pos := range []uint64{3, 7, 8, 1} {
		s.Pos = pos
		if got := s.Uint64(); got != want[pos] {
			t.Errorf("word after moving to %d is %d, want %d", pos, got, want[pos])
		}
	}
	// A changed stream must not hand out the remembered word of the old one.
	s.Pos = 0
	s.Uint64()
	s.Stream.ID = 7
	_, w1 := Stream{Seed: 5, ID: 7}.Words(Sequence, 0, 0)
	if got := s.Uint64(); got != w1 {
		t.Errorf("word after changing the stream is %d, want %d", got, w1)
	}
	a, b := rand.New(NewSource(5, 6)), rand.New(NewSource(5, 6))
	for range 100 {
		if x, y := a.NormFloat64(), b.NormFloat64(); x != y {
			t.Fatalf("two generators of one stream give %v and %v", x, y)
		}
	}
}

func TestNewSourcePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("NewSource(1, -1) did not panic")
		}
	}()
	NewSource(1, -1)
}

func TestNoAllocation(t *testing.T) {
	z, f := make([]float64, 101), make([]float32, 101)
	src := NewSource(1, 2)
	if n := testing.AllocsPerRun(100, func() {
		FillNormals(z, Stream{Seed: 1}, Steps, 3)
		FillUniforms(f, Stream{Seed: 1}, Jumps, 3)
		src.Uint64()
	}); n != 0 {
		t.Errorf("%v allocations a draw, want 0", n)
	}
}

func BenchmarkBlock(b *testing.B) {
	b.ReportAllocs()
	var c [4]uint32
	for range b.N {
		c = Block(c, [2]uint32{1, 2})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mblocks/s")
}

func benchmarkFill(b *testing.B, fill func([]float64, Stream, Level, uint64)) {
	b.ReportAllocs()
	z := make([]float64, 1024)
	i := uint64(0)
	for range b.N {
		fill(z, Stream{Seed: 1}, Steps, i)
		i++
	}
	b.ReportMetric(float64(b.N)*float64(len(z))/b.Elapsed().Seconds()/1e6, "Mdraws/s")
}

func BenchmarkUniforms(b *testing.B) { benchmarkFill(b, FillUniforms[float64]) }
func BenchmarkNormals(b *testing.B)  { benchmarkFill(b, FillNormals[float64]) }

func BenchmarkSource(b *testing.B) {
	b.ReportAllocs()
	s := NewSource(1, 2)
	var x uint64
	for range b.N {
		x ^= s.Uint64()
	}
	_ = x
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mdraws/s")
}
