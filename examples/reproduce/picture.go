package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// picture is something to draw, with its size on paper.
type picture struct {
	width, height vg.Length
	draw          func(c draw.Canvas)
}

// dpi is the resolution of the PNG files.
const dpi = 200

// write writes base.png and base.svg and returns the former's content.
func (p picture) write(base string) ([]byte, error) {
	raster := vgimg.NewWith(vgimg.UseWH(p.width, p.height), vgimg.UseDPI(dpi))
	p.draw(draw.New(raster))
	var png bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: raster}).WriteTo(&png); err != nil {
		return nil, err
	}
	if err := os.WriteFile(base+".png", png.Bytes(), 0o666); err != nil {
		return nil, err
	}
	vector := vgsvg.New(p.width, p.height)
	p.draw(draw.New(vector))
	var svg bytes.Buffer
	if _, err := vector.WriteTo(&svg); err != nil {
		return nil, err
	}
	// Readers without the Liberation fonts have fonts of the same widths.
	text := strings.ReplaceAll(svg.String(), "font-family:Liberation Sans;", "font-family:'Liberation Sans',Arial,Helvetica,sans-serif;")
	return png.Bytes(), os.WriteFile(base+".svg", []byte(text), 0o666)
}

// Colours that are told apart also by the colour-blind (Okabe and Ito).
var (
	blue       = color.NRGBA{0x00, 0x72, 0xb2, 0xff}
	orange     = color.NRGBA{0xe6, 0x9f, 0x00, 0xff}
	vermillion = color.NRGBA{0xd5, 0x5e, 0x00, 0xff}
	purple     = color.NRGBA{0xcc, 0x79, 0xa7, 0xff}
	sky        = color.NRGBA{0x56, 0xb4, 0xe9, 0xff}
	ink        = color.NRGBA{0x22, 0x22, 0x22, 0xff}
	gray       = color.NRGBA{0x8a, 0x8a, 0x8a, 0xff}
	pale       = color.NRGBA{0xe4, 0xe4, 0xe4, 0xff}
	white      = color.NRGBA{0xff, 0xff, 0xff, 0xff}
)

// newPlot returns an empty plot in the style of the report.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	set := func(f *font.Font, size vg.Length) { *f = sans; f.Size = size }
	set(&p.Title.TextStyle.Font, 12)
	p.Title.Padding = 6
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		set(&a.Label.TextStyle.Font, 11)
		set(&a.Tick.Label.Font, 9.5)
		a.Label.Padding, a.Padding = 3, 3
		a.LineStyle.Color, a.Tick.LineStyle.Color = ink, ink
	}
	set(&p.Legend.TextStyle.Font, 9.5)
	p.Legend.Padding = 2
	p.Legend.ThumbnailWidth = 18
	return p
}

// single makes a picture of one plot.
func single(p *plot.Plot, width, height vg.Length) picture {
	return picture{width, height, func(c draw.Canvas) { p.Draw(draw.Crop(c, 6, -12, 6, -6)) }}
}

// sideBySide makes a picture of plots beside one another, with axes and titles in
// line. weights are their relative widths.
func sideBySide(width, height vg.Length, weights []float64, plots ...*plot.Plot) picture {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	titles := make([]string, len(plots))
	for i, p := range plots {
		titles[i], p.Title.Text = p.Title.Text, ""
	}
	return picture{width, height, func(c draw.Canvas) {
		const margin = 8
		style := plots[0].Title.TextStyle
		style.XAlign, style.YAlign = draw.XCenter, draw.YTop
		left, room := c.Min.X, style.Height("Title")+1.5*margin
		cells := make([]draw.Canvas, len(plots))
		for i := range plots {
			right := left + (c.Max.X-c.Min.X)*vg.Length(weights[i]/total)
			cells[i] = draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: left + margin, Y: c.Min.Y + margin}, Max: vg.Point{X: right - margin, Y: c.Max.Y - margin - room},
			}}
			left = right
		}
		// Crop so that the areas inside the axes have the same top and bottom.
		bottom, top := c.Min.Y, c.Max.Y
		for i, p := range plots {
			in := p.DataCanvas(cells[i])
			bottom, top = max(bottom, in.Min.Y), min(top, in.Max.Y)
		}
		for i, p := range plots {
			in := p.DataCanvas(cells[i])
			c.FillText(style, vg.Point{X: (in.Min.X + in.Max.X) / 2, Y: c.Max.Y - margin}, titles[i])
			p.Draw(draw.Crop(cells[i], 0, 0, bottom-in.Min.Y, top-in.Max.Y))
		}
	}}
}

// curve adds a line, with a legend entry unless name is empty. Points that are
// not finite, or not positive where a logarithmic axis wants it, are for the
// caller to leave out.
func curve(p *plot.Plot, pts plotter.XYs, c color.Color, dashes []vg.Length, name string) error {
	if len(pts) == 0 {
		return nil
	}
	l, err := plotter.NewLine(pts)
	if err != nil {
		return fmt.Errorf("curve %q: %w", name, err)
	}
	l.Color, l.Width, l.Dashes = c, 1.6, dashes
	p.Add(l)
	if name != "" {
		p.Legend.Add(name, l)
	}
	return nil
}

// gridlines adds a pale grid behind what comes later.
func gridlines(p *plot.Plot) {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = pale, pale
	g.Vertical.Width, g.Horizontal.Width = 0.6, 0.6
	p.Add(g)
}

// dots adds points, with a legend entry unless name is empty.
func dots(p *plot.Plot, pts plotter.XYs, c color.Color, radius float64, name string) error {
	if len(pts) == 0 {
		return nil
	}
	s, err := plotter.NewScatter(pts)
	if err != nil {
		return fmt.Errorf("points %q: %w", name, err)
	}
	s.GlyphStyle = draw.GlyphStyle{Color: c, Radius: vg.Length(radius), Shape: draw.CircleGlyph{}}
	p.Add(s)
	if name != "" {
		big := *s
		big.GlyphStyle.Radius = 3
		p.Legend.Add(name, &big)
	}
	return nil
}

// label writes a text at a point of the plot.
func label(p *plot.Plot, x, y float64, text string, ax draw.XAlignment, ay draw.YAlignment, c color.Color) error {
	l, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: x, Y: y}}, Labels: []string{text}})
	if err != nil {
		return err
	}
	st := &l.TextStyle[0]
	st.Font = p.X.Label.TextStyle.Font
	st.Font.Size = 10.5
	st.Color, st.XAlign, st.YAlign = c, ax, ay
	p.Add(l)
	return nil
}

// logY makes the y axis logarithmic from lo to hi.
func logY(p *plot.Plot, lo, hi float64) {
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, powers{1}
	p.Y.Min, p.Y.Max = lo, hi
}

// powers are the ticks of a logarithmic axis: a label at every so many decades,
// and small ticks between.
type powers struct{ every int }

// Ticks implements plot.Ticker.
func (t powers) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for e := int(math.Floor(math.Log10(lo))); e <= int(math.Ceil(math.Log10(hi))); e++ {
		tick := plot.Tick{Value: math.Pow(10, float64(e))}
		if e%t.every == 0 {
			tick.Label = power(e)
		}
		ticks = append(ticks, tick)
		for k := 2.0; k < 10 && t.every == 1; k++ {
			ticks = append(ticks, plot.Tick{Value: k * tick.Value})
		}
	}
	return slices.DeleteFunc(ticks, func(t plot.Tick) bool { return t.Value < lo*(1-1e-9) || t.Value > hi*(1+1e-9) })
}

// power writes a power of ten. The font has no superscript 0, 9 and minus.
func power(e int) string {
	digits := []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")
	switch {
	case e >= -3 && e < 4:
		return strconv.FormatFloat(math.Pow(10, float64(e)), 'f', -1, 64)
	case e < 0 || strings.ContainsAny(strconv.Itoa(e), "09"):
		return fmt.Sprintf("1e%d", e)
	case e < 10:
		return "10" + string(digits[e])
	}
	return "10" + string(digits[e/10]) + string(digits[e%10])
}

// every are ticks with labels at the multiples of a step.
func every(lo, hi, step float64) plot.ConstantTicks {
	var t plot.ConstantTicks
	for i := int(math.Ceil(lo/step - 1e-9)); float64(i)*step <= hi+1e-9; i++ {
		v := float64(i) * step
		t = append(t, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 4, 64)})
	}
	return t
}

// xRange and yRange set the range of an axis and its ticks.
func xRange(p *plot.Plot, lo, hi, step float64) {
	p.X.Min, p.X.Max, p.X.Tick.Marker = lo, hi, every(lo, hi, step)
}

func yRange(p *plot.Plot, lo, hi, step float64) {
	p.Y.Min, p.Y.Max, p.Y.Tick.Marker = lo, hi, every(lo, hi, step)
}

// ramp is a colour scale through equally spaced colours.
type ramp []color.NRGBA

// viridis goes from dark blue to yellow with evenly growing lightness.
var viridis = ramp{
	{0x44, 0x01, 0x54, 0xff}, {0x48, 0x28, 0x78, 0xff}, {0x3e, 0x4a, 0x89, 0xff}, {0x31, 0x68, 0x8e, 0xff}, {0x26, 0x83, 0x8f, 0xff},
	{0x1f, 0x9d, 0x8a, 0xff}, {0x6c, 0xce, 0x5a, 0xff}, {0xb6, 0xde, 0x2b, 0xff}, {0xfe, 0xe8, 0x25, 0xff},
}

// at returns the colour at t between 0 and 1.
func (r ramp) at(t float64) color.Color {
	x := min(max(t, 0), 1) * float64(len(r)-1)
	i := min(int(x), len(r)-2)
	f := x - float64(i)
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-f) + float64(b)*f)) }
	a, b := r[i], r[i+1]
	return color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xff}
}

// Colors implements palette.Palette.
func (r ramp) Colors() []color.Color {
	c := make([]color.Color, 256)
	for i := range c {
		c[i] = r.at(float64(i) / 255)
	}
	return c
}

// addHeat adds a heat map with values from lo to hi. Larger ones are grey, smaller
// ones pale, NaN white.
func addHeat(p *plot.Plot, g plotter.GridXYZ, lo, hi float64) {
	p.Add(flush{&plotter.HeatMap{
		GridXYZ: g, Palette: viridis, Min: lo, Max: hi, Rasterized: true,
		Overflow: color.NRGBA{0xc4, 0xc4, 0xc4, 0xff}, Underflow: color.NRGBA{0xec, 0xec, 0xec, 0xff}, NaN: white,
	}})
}

// flush hides the glyph boxes of a heat map, which would keep the axes away from
// it.
type flush struct{ h *plotter.HeatMap }

// Plot implements plot.Plotter.
func (f flush) Plot(c draw.Canvas, p *plot.Plot) { f.h.Plot(c, p) }

// colourBar is the scale of a heat map, as a narrow plot.
func colourBar(title string, lo, hi, step float64) *plot.Plot {
	p := newPlot("", " ", title)
	const n = 256
	y := make([]float64, n)
	for i := range y {
		y[i] = lo + (hi-lo)*(float64(i)+0.5)/n
	}
	addHeat(p, heat{[]float64{0.25, 0.75}, y, func(_, j int) float64 { return y[j] }}, lo, hi)
	yRange(p, lo, hi, step)
	// The horizontal axis is there to keep its place, but not to be seen.
	p.X.Min, p.X.Max = 0, 1
	p.X.Tick.Marker = plot.ConstantTicks{{Value: 0.5, Label: " "}}
	p.X.LineStyle.Width, p.X.Tick.LineStyle.Width = 0, 0
	return p
}
