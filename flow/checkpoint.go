package flow

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unsafe"
)

// checkpointVersion is the version of the format; it changes with the meaning of
// a field.
const checkpointVersion = 1

// Checkpoint is everything that a run needs to go on as if it had never been
// interrupted: a resumed run makes the same steps, bit for bit. It is plain data;
// its JSON form writes floats in hexadecimal notation, which is exact, NaN and
// infinities included.
//
// What lies before the checkpoint is not in it: save times and events already
// passed, the recorder's rows, dense output.
type Checkpoint struct {
	Version    int
	Integrator string // name of the method
	Controller string // type and knobs of the controller
	Dim, Bits  int    // length of the state and size of its elements
	K          int    // accepted steps
	T          float64
	X          []float64
	Dir        float64 // direction of time
	Stats      Stats
	Control    Control
	Ledger     Ledger
	// Vec and Num are the inner state of the integrator (Memory).
	Vec [][]float64
	Num []float64
	// EventG holds the event functions at T, 0 for one that is not armed, and
	// EventLast the time of the last event that changed the state.
	EventG    []float64
	EventLast float64

	Energy, Slope, Err float64
	Restart            bool // the integrator is to start afresh
	Quiet, Drawn       int
	Recent             []float64 // energies of the last steps, oldest first
	Base, BaseH        float64   // the clock of equal steps, Base + BaseN·BaseH
	BaseN              int
}

// Checkpoint saves the run where it stands, after any step and also when the run
// has ended; a cancelled run goes on from its checkpoint. It is an error
// if the integrator has inner state that it does not give away.
func (r *Run[T]) Checkpoint() (*Checkpoint, error) {
	m, ok := r.it.(Memory[T])
	if !ok {
		return nil, fmt.Errorf("flow: integrator %s cannot be saved, it has no method Memory: %w", nameOf(r.it), ErrCheckpoint)
	}
	vec, num := m.Memory()
	c := &Checkpoint{
		Version: checkpointVersion, Integrator: nameOf(r.it), Controller: describe(r.ctl),
		Dim: len(r.x), Bits: bitsOf[T](), K: r.step.K, T: r.t, X: widen(r.x), Dir: r.dir,
		Stats: r.step.Stats, Control: r.c, Ledger: r.out.ledger,
		Num:    append([]float64{}, num...),
		EventG: append([]float64{}, r.events.g...), EventLast: r.events.last,
		Energy: r.step.Energy, Slope: r.step.Slope, Err: r.step.Err,
		Restart: r.restart, Quiet: r.quiet, Drawn: r.drawn, Recent: r.recent.list(),
		Base: r.base, BaseH: r.baseH, BaseN: r.baseN,
	}
	for _, v := range vec {
		c.Vec = append(c.Vec, widen(v))
	}
	return c, nil
}

// Resume makes the run of a checkpoint. The integrator and the options are made
// as for the run that was saved; the end time, limits, recorder and stop rules
// may be others. For steps that are equal bit for bit the end time of the saved
// run has to be among the TStops of the long one, since a run hits its end time
// exactly. The error wraps ErrCheckpoint, and names both values, if something does
// not fit.
func Resume[T Float](it Integrator[T], c *Checkpoint, o Options[T]) (*Run[T], error) {
	if c == nil {
		return nil, fmt.Errorf("flow: checkpoint is nil: %w", ErrCheckpoint)
	}
	if c.Version != checkpointVersion {
		return nil, misfit("version", c.Version, checkpointVersion)
	}
	if c.Bits != bitsOf[T]() {
		return nil, misfit("element size", c.Bits, bitsOf[T]())
	}
	if len(c.X) != c.Dim {
		return nil, misfit("state length", len(c.X), c.Dim)
	}
	r, err := newRun(it, narrow[T](c.X), o)
	if err != nil {
		return nil, err
	}
	r.t, r.step.K = c.T, c.K
	if err := r.initIntegrator(); err != nil {
		return nil, err
	}
	if err := r.restore(c); err != nil {
		return nil, err
	}
	r.show(AtStart, r.t, r.x)
	return r, nil
}

// restore puts back what the checkpoint holds.
func (r *Run[T]) restore(c *Checkpoint) error {
	m, ok := r.it.(Memory[T])
	if !ok {
		return misfit("integrator", c.Integrator, nameOf(r.it)+" without a method Memory")
	}
	vec, num := m.Memory()
	switch {
	case c.Integrator != nameOf(r.it):
		return misfit("integrator", c.Integrator, nameOf(r.it))
	case c.Controller != describe(r.ctl):
		return misfit("controller", c.Controller, describe(r.ctl))
	case c.Dir != r.dir:
		return misfit("direction of time", c.Dir, r.dir)
	case len(c.EventG) != len(r.events.g):
		return misfit("number of events", len(c.EventG), len(r.events.g))
	case len(c.Vec) != len(vec) || len(c.Num) != len(num):
		return misfit("size of the integrator's memory", fmt.Sprintf("%d vectors and %d numbers", len(c.Vec), len(c.Num)),
			fmt.Sprintf("%d vectors and %d numbers", len(vec), len(num)))
	}
	for i, v := range c.Vec {
		if len(v) != len(vec[i]) {
			return misfit(fmt.Sprintf("length of memory vector %d", i), len(v), len(vec[i]))
		}
		copy(vec[i], narrow[T](v))
	}
	copy(num, c.Num)
	if k, ok := r.it.(restorer); ok {
		if err := k.restored(); err != nil {
			return err
		}
	}
	copy(r.events.g, c.EventG)
	r.events.last = c.EventLast
	r.c, r.out.ledger, r.step.Stats = c.Control, c.Ledger, c.Stats
	r.step.Energy, r.step.Slope, r.step.Err = c.Energy, c.Slope, c.Err
	r.restart, r.quiet, r.drawn = c.Restart, c.Quiet, c.Drawn
	r.recent.restore(c.K, c.Recent)
	r.base, r.baseH, r.baseN = c.Base, c.BaseH, c.BaseN
	r.tPrev, r.hStep = r.t, 0
	for c.K > 0 && r.save < len(r.opt.SaveAt) && r.dir*(r.t-r.opt.SaveAt[r.save]) >= 0 {
		r.save++
	}
	r.passStops()
	return nil
}

// restorer is an Integrator that has to hand on what a checkpoint put in the views
// of its Memory.
type restorer interface{ restored() error }

func misfit(what string, got, want any) error {
	return fmt.Errorf("flow: %s of the checkpoint is %v, that of the run is %v: %w", what, got, want, ErrCheckpoint)
}

// describe is the type and the knobs of a controller.
func describe(c Controller) string { return fmt.Sprintf("%T%+v", c, c) }

func bitsOf[T Float]() int { return 8 * int(unsafe.Sizeof(T(0))) }

func widen[T Float](v []T) []float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

func narrow[T Float](v []float64) []T { return convert[T](v) }

// hex is a float64 with an exact text form.
type hex float64

func (h hex) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(h), 'x', -1, 64), nil
}

func (h *hex) UnmarshalText(b []byte) error {
	v, err := strconv.ParseFloat(string(b), 64)
	*h = hex(v)
	return err
}

func toHex(v []float64) []hex {
	h := make([]hex, len(v))
	for i, x := range v {
		h[i] = hex(x)
	}
	return h
}

func fromHex(h []hex) []float64 {
	v := make([]float64, len(h))
	for i, x := range h {
		v[i] = float64(x)
	}
	return v
}

// checkpointJSON is the form of a Checkpoint in a file. Scalars holds the single
// floats in the order of Checkpoint.scalars.
type checkpointJSON struct {
	Format                       string
	Version, Dim, Bits           int
	Integrator, Controller       string
	K, N, Quiet, Drawn, BaseN    int
	Stats                        Stats
	Rises                        int
	Rejected, Restart            bool
	Scalars, X, Num, EventG, Mem []hex
	Recent                       []hex `json:",omitempty"`
	Vec                          [][]hex
}

// scalars lists the single floats of a checkpoint.
func (c *Checkpoint) scalars() []*float64 {
	return []*float64{
		&c.T, &c.Dir, &c.Control.H, &c.Control.Hp, &c.Control.E1, &c.Control.E2,
		&c.Ledger.E0, &c.Ledger.E1, &c.Ledger.Dissipated,
		&c.EventLast, &c.Energy, &c.Slope, &c.Err, &c.Base, &c.BaseH,
	}
}

const checkpointFormat = "gradflow checkpoint"

// MarshalJSON implements json.Marshaler.
func (c *Checkpoint) MarshalJSON() ([]byte, error) {
	j := checkpointJSON{
		Format: checkpointFormat, Version: c.Version, Dim: c.Dim, Bits: c.Bits,
		Integrator: c.Integrator, Controller: c.Controller,
		K: c.K, N: c.Control.N, Quiet: c.Quiet, Drawn: c.Drawn, BaseN: c.BaseN,
		Stats: c.Stats, Rises: c.Ledger.Rises, Rejected: c.Control.Rejected, Restart: c.Restart,
		X: toHex(c.X), Num: toHex(c.Num), EventG: toHex(c.EventG), Mem: toHex(c.Control.Mem[:]),
		Recent: toHex(c.Recent),
	}
	for _, s := range c.scalars() {
		j.Scalars = append(j.Scalars, hex(*s))
	}
	for _, v := range c.Vec {
		j.Vec = append(j.Vec, toHex(v))
	}
	return json.Marshal(j)
}

// UnmarshalJSON implements json.Unmarshaler. What is not a checkpoint gives an
// error that wraps ErrCheckpoint.
func (c *Checkpoint) UnmarshalJSON(b []byte) error {
	var j checkpointJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("flow: %w: %w", err, ErrCheckpoint)
	}
	if j.Format != checkpointFormat {
		return misfit("format", strconv.Quote(j.Format), strconv.Quote(checkpointFormat))
	}
	*c = Checkpoint{
		Version: j.Version, Dim: j.Dim, Bits: j.Bits,
		Integrator: j.Integrator, Controller: j.Controller,
		K: j.K, Quiet: j.Quiet, Drawn: j.Drawn, BaseN: j.BaseN,
		Stats: j.Stats, Restart: j.Restart,
		X: fromHex(j.X), Num: fromHex(j.Num), EventG: fromHex(j.EventG), Recent: fromHex(j.Recent),
	}
	c.Control.N, c.Control.Rejected, c.Ledger.Rises = j.N, j.Rejected, j.Rises
	scalars := c.scalars()
	if len(j.Scalars) != len(scalars) {
		return misfit("number of scalars", len(j.Scalars), len(scalars))
	}
	for i, s := range scalars {
		*s = float64(j.Scalars[i])
	}
	if len(j.Mem) != len(c.Control.Mem) {
		return misfit("size of the controller's memory", len(j.Mem), len(c.Control.Mem))
	}
	copy(c.Control.Mem[:], fromHex(j.Mem))
	for _, v := range j.Vec {
		c.Vec = append(c.Vec, fromHex(v))
	}
	return nil
}
