package game

import (
	"bufio"
	"fmt"
	"io"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Sizes of the picture in pixels.
const (
	svgSide   = 480.
	svgMargin = 40.
)

// WriteSVG draws a planar field as arrows, and the orbits over them, in a picture without
// dependencies. Axes are linear, each as long as the other; arrows are tangents of orbits,
// centred at their points, and as long as the field is large, the longest as the distance of
// neighbours. Points of orbits that are not finite, or outside of the grid, break the
// curve. Errors as those of WriteCSV; ErrShape for fewer than 2 points along an axis or
// points of orbits without 2 coordinates.
func (q *Quiver) WriteSVG(w io.Writer) error {
	g, err := q.planar()
	if err != nil {
		return err
	}
	nx, ny := len(q.Axes[0]), len(q.Axes[1])
	if nx < 2 || ny < 2 {
		return fmt.Errorf("game: Quiver: picture of %d x %d points, want at least 2 x 2: %w", nx, ny, ErrShape)
	}
	for i, o := range q.Orbits {
		for _, p := range o {
			if len(p) != 2 {
				return fmt.Errorf("game: Quiver: Orbits[%d] has a point with %d coordinates, want 2: %w", i, len(p), ErrShape)
			}
		}
	}
	b := bufio.NewWriter(w)
	size := svgSide + 2*svgMargin
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]g" height="%[1]g" viewBox="0 0 %[1]g %[1]g" font-family="sans-serif" font-size="12">
<defs><marker id="head" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="5" markerHeight="5" orient="auto"><path d="M0 0L6 3L0 6z"/></marker></defs>
<rect width="100%%" height="100%%" fill="white"/>
<rect x="%[2]g" y="%[2]g" width="%[3]g" height="%[3]g" fill="none" stroke="#8a8a8a"/>
`, size, svgMargin, svgSide)
	q.writeLabels(b)
	fmt.Fprintf(b, "<g stroke=\"#222222\" marker-end=\"url(#head)\">\n")
	q.writeArrows(b, g)
	fmt.Fprintf(b, "</g>\n<g fill=\"none\" stroke=\"#0072b2\" stroke-width=\"1.5\">\n")
	for _, o := range q.Orbits {
		q.writeOrbit(b, o)
	}
	fmt.Fprintf(b, "</g>\n</svg>\n")
	return b.Flush()
}

// pixel is the place of a point in the picture, and in says whether it is inside the grid.
func (q *Quiver) pixel(x, y float64) (px, py float64, in bool) {
	ax, ay := q.Axes[0], q.Axes[1]
	s, t := (x-ax[0])/(ax[len(ax)-1]-ax[0]), (y-ay[0])/(ay[len(ay)-1]-ay[0])
	return svgMargin + svgSide*s, svgMargin + svgSide*(1-t), s >= 0 && s <= 1 && t >= 0 && t <= 1
}

// writeLabels writes the ends of the axes.
func (q *Quiver) writeLabels(w io.Writer) {
	ax, ay := q.Axes[0], q.Axes[1]
	x, y := svgMargin, svgMargin+svgSide
	fmt.Fprintf(w, "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">%.4g</text>\n", x, y+18, ax[0])
	fmt.Fprintf(w, "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">%.4g</text>\n", x+svgSide, y+18, ax[len(ax)-1])
	fmt.Fprintf(w, "<text x=\"%g\" y=\"%g\" text-anchor=\"end\">%.4g</text>\n", x-6, y, ay[0])
	fmt.Fprintf(w, "<text x=\"%g\" y=\"%g\" text-anchor=\"end\">%.4g</text>\n", x-6, y-svgSide+8, ay[len(ay)-1])
}

// writeArrows writes the arrows, but not those shorter than half a pixel.
func (q *Quiver) writeArrows(w io.Writer, g *grid) {
	ax, ay := q.Axes[0], q.Axes[1]
	// Components relative to the largest, so that nothing overflows, in pixels.
	top := max(kernel.MaxAbs(q.Values[0]), kernel.MaxAbs(q.Values[1]))
	sx, sy := 1/(ax[len(ax)-1]-ax[0]), 1/(ay[len(ay)-1]-ay[0])
	arrow := func(at int) (u, v float64) { return q.Values[0][at] / top * sx, -q.Values[1][at] / top * sy }
	longest := 0.0
	for at := range q.Values[0] {
		longest = max(longest, math.Hypot(arrow(at)))
	}
	cell := svgSide / float64(max(len(ax), len(ay))-1)
	g.each(func(at int, index []int) {
		u, v := arrow(at)
		u, v = u/longest*cell/2, v/longest*cell/2
		if !(math.Hypot(u, v) >= 0.25) { // also the NaN of a field that is 0
			return
		}
		x, y, _ := q.pixel(ax[index[0]], ay[index[1]])
		fmt.Fprintf(w, "<path d=\"M%.2f %.2fL%.2f %.2f\"/>\n", x-u, y-v, x+u, y+v)
	})
}

func (q *Quiver) writeOrbit(w io.Writer, orbit [][]float64) {
	fmt.Fprint(w, "<path d=\"")
	pen := 'M'
	for _, p := range orbit {
		x, y, in := q.pixel(p[0], p[1])
		if !in {
			pen = 'M'
			continue
		}
		fmt.Fprintf(w, "%c%.2f %.2f", pen, x, y)
		pen = 'L'
	}
	fmt.Fprint(w, "\"/>\n")
}
