// Package page writes the results of a run as one HTML file that needs nothing else: no script, no font, no picture and no server.
// The plots are drawn by gonum.org/v1/plot on a canvas of this package (canvas.go), which writes SVG whose colours and letters are
// the page's own, so that one drawing serves the light and the dark palette. Each plot is drawn twice, for a screen and for a
// phone: one that is scaled down has letters nobody can read.
package page
