package flow

// sdirkTable is a diagonally implicit Runge-Kutta method with one coefficient γ on
// the diagonal, possibly after an explicit first stage.
type sdirkTable struct {
	name            string
	order, embedded int
	gamma           float64
	a               [][]float64
	c, b, e         []float64
}

func (m *sdirkTable) String() string         { return m.name }
func (m *sdirkTable) Order() int             { return m.order }
func (m *sdirkTable) controller() Controller { return implicitControl }
func (m *sdirkTable) implicit()              {}
