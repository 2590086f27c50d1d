package flow

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"
)

// problem is a test problem of testdata: y' = f(t, y), y(0) = y0, up to T.
type problem struct {
	y0 []float64
	T  float64
	f  func(d, y []float64, t float64)
}

func (p problem) field() Field[float64] { return FieldFunc(len(p.y0), p.f) }

func lotkaVolterra(d, y []float64, _ float64) {
	d[0] = 1.5*y[0] - y[0]*y[1]
	d[1] = -3*y[1] + y[0]*y[1]
}

func brusselator(d, y []float64, _ float64) {
	s := y[0] * y[0] * y[1]
	d[0], d[1] = 1+s-4*y[0], 3*y[0]-s
}

func lorenz(d, y []float64, _ float64) {
	d[0], d[1], d[2] = 10*(y[1]-y[0]), y[0]*(28-y[2])-y[1], y[0]*y[1]-8.0/3*y[2]
}

func vanDerPol(mu float64) func(d, y []float64, _ float64) {
	return func(d, y []float64, _ float64) { d[0], d[1] = y[1], mu*(1-y[0]*y[0])*y[1]-y[0] }
}

func pleiades(d, y []float64, _ float64) {
	x, z := y[:7], y[7:14]
	copy(d[:14], y[14:])
	for i := range 7 {
		a, b := 0.0, 0.0
		for j := range 7 {
			if j == i {
				continue
			}
			dx, dz := x[j]-x[i], z[j]-z[i]
			r2 := dx*dx + dz*dz
			r3 := r2 * math.Sqrt(r2)
			a += float64(j+1) * dx / r3
			b += float64(j+1) * dz / r3
		}
		d[14+i], d[21+i] = a, b
	}
}

func kepler(d, y []float64, _ float64) {
	r2 := y[0]*y[0] + y[1]*y[1]
	r3 := r2 * math.Sqrt(r2)
	d[0], d[1], d[2], d[3] = y[2], y[3], -y[0]/r3, -y[1]/r3
}

func nonautonomous(d, y []float64, t float64) {
	d[0], d[1] = -y[0]*y[0]*y[1]+math.Cos(t), y[0]-y[1]*y[1]+t/3
}

// rosenbrock is E = (1-x)² + 100 (y-x²)².
func rosenbrock[T Float](g, x []T) float64 {
	a, b := float64(x[0]), float64(x[1])
	if g != nil {
		g[0] = T(-2*(1-a) - 400*a*(b-a*a))
		g[1] = T(200 * (b - a*a))
	}
	return (1-a)*(1-a) + 100*(b-a*a)*(b-a*a)
}

var (
	logregX = [6][3]float64{{1, 2, -1}, {1, -1, 1}, {1, 1, 1}, {1, -2, -1}, {1, 0, 2}, {1, 1, -2}}
	logregY = [6]float64{1, -1, 1, -1, -1, 1}
)

// logreg is E = (1/6) Σ log(1 + exp(-Y_i X_i·w)) + |w|²/20.
func logreg(g, w []float64) float64 {
	e := 0.0
	for j := range g {
		g[j] = w[j] / 10
	}
	for j := range w {
		e += w[j] * w[j] / 20
	}
	for i, row := range logregX {
		m := logregY[i] * (row[0]*w[0] + row[1]*w[1] + row[2]*w[2])
		e += math.Log1p(math.Exp(-m)) / 6
		for j := range g {
			g[j] -= logregY[i] * row[j] / (1 + math.Exp(m)) / 6
		}
	}
	return e
}

const allenN = 128

// allenCahn is E = Σ 0.00125 n² (u_{i+1}-u_i)² + (1-u_i²)²/4, periodic.
func allenCahn(g, u []float64) float64 {
	e := 0.0
	const c = 0.0025 * allenN * allenN
	for i := range u {
		l, r := u[(i+allenN-1)%allenN], u[(i+1)%allenN]
		e += c/2*(r-u[i])*(r-u[i]) + (1-u[i]*u[i])*(1-u[i]*u[i])/4
		if g != nil {
			g[i] = -c*(l-2*u[i]+r) - u[i] + u[i]*u[i]*u[i]
		}
	}
	return e
}

func allenStart() []float64 {
	u := make([]float64, allenN)
	for i := range u {
		x := float64(i) / allenN
		u[i] = 0.5*math.Sin(2*math.Pi*x) + 0.3*math.Cos(6*math.Pi*x)
	}
	return u
}

func flowOf(n int, e func(g, x []float64) float64) func(d, y []float64, t float64) {
	return GradientFlow(EnergyFunc(n, e)).Eval
}

func problems() map[string]problem {
	p := make([]float64, 28)
	copy(p, []float64{3, 3, -1, -3, 2, -2, 2, 3, -3, 2, 0, 0, -4, 4})
	p[19], p[20], p[24], p[25] = 1.75, -1.5, -1.25, 1
	return map[string]problem{
		"lotka_volterra":  {[]float64{1, 1}, 10, lotkaVolterra},
		"vanderpol_mu5":   {[]float64{2, 0}, 20, vanDerPol(5)},
		"brusselator":     {[]float64{1.5, 3}, 20, brusselator},
		"lorenz":          {[]float64{1, 1, 1}, 10, lorenz},
		"pleiades":        {p, 3, pleiades},
		"kepler_e06":      {[]float64{0.4, 0, 0, 2}, 20, kepler},
		"rosenbrock_flow": {[]float64{-1.2, 1}, 5, flowOf(2, rosenbrock[float64])},
		"logreg_flow":     {[]float64{0.5, -1, 1}, 10, flowOf(3, logreg)},
		"allen_cahn":      {allenStart(), 2, flowOf(allenN, allenCahn)},
		"nonautonomous":   {[]float64{1, 0.5}, 1, nonautonomous},
	}
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

// solution is a final value of solutions.json; index lists the components given,
// all if it is empty.
type solution struct {
	y     []float64
	index []int
}

func solutions(t testing.TB) map[string]solution {
	var raw map[string]struct {
		Y     []string
		Index []int
	}
	readJSON(t, "solutions.json", &raw)
	m := make(map[string]solution)
	for name, r := range raw {
		s := solution{index: r.Index}
		for i, v := range r.Y {
			x, err := strconv.ParseFloat(v, 64)
			if err != nil {
				t.Fatal(err)
			}
			s.y = append(s.y, x)
			if r.Index == nil {
				s.index = append(s.index, i)
			}
		}
		m[name] = s
	}
	return m
}

// relErr is max |y - ref| / max |ref| over the components given.
func (s solution) relErr(y []float64) float64 {
	worst, scale := 0.0, 0.0
	for k, i := range s.index {
		worst = max(worst, math.Abs(y[i]-s.y[k]))
		scale = max(scale, math.Abs(s.y[k]))
	}
	return worst / scale
}
