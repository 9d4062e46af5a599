// Package page writes a report as one HTML page with plots, which needs no network and no script: the plots are SVG that
// is drawn here. It computes nothing but places on a sheet, and does no I/O but writing.
package page
