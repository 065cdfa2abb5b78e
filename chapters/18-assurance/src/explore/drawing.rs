//! A graph of states as a drawing: one layer below the other, as the search goes through them.
//!
//! Each state stands in the row of its depth, as near as may be to the states that lead to it. The
//! text can be selected and found, and the colours follow the reader's light or dark page.

use std::fmt::Write;

use super::graph::{Edge, Graph, Vertex};

/// A state's box, the room between two, and the room for what happens between two layers.
const WIDTH: f64 = 190.0;
const LINE: f64 = 16.0;
const GAP: f64 = 30.0;
const STEP: f64 = 56.0;

const STYLE: &str = "\
text { font: 12px ui-monospace, monospace; fill: #222; }
.step { fill: #446; font-size: 11px; }
rect { fill: #f4f6fa; stroke: #667; }
.end rect { stroke-width: 2.5; }
path { fill: none; stroke: #889; }
@media (prefers-color-scheme: dark) {
text { fill: #dde; }
.step { fill: #aac; }
rect { fill: #23262d; stroke: #99a; }
}";

/// Where a state's box is.
#[derive(Clone, Copy, Debug)]
struct Spot {
    x: f64,
    y: f64,
    height: f64,
}

impl Graph {
    /// The graph as an SVG file.
    pub fn svg(&self) -> String {
        let spots = self.spots();
        let right = spots.iter().map(|spot| spot.x + WIDTH).fold(0.0, f64::max);
        let below = spots.iter().map(|spot| spot.y + spot.height).fold(0.0, f64::max);
        let (width, height) = (right + GAP, below + GAP);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\">\n\
             <title>{} states and {} steps between them</title>\n<style>{STYLE}</style>\n\
             <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" \
             markerHeight=\"8\" orient=\"auto\"><path d=\"M0,0 L8,4 L0,8\"/></marker></defs>\n",
            self.vertices.len(),
            self.edges.len(),
        );
        self.edges.iter().for_each(|edge| draw_edge(&mut svg, edge, &spots));
        for (vertex, spot) in self.vertices.iter().zip(&spots) {
            draw_vertex(&mut svg, vertex, *spot);
        }
        svg + "</svg>\n"
    }

    /// Where each state stands: layer by layer, in the order of those above that lead to it.
    fn spots(&self) -> Vec<Spot> {
        let layers = 1 + self.vertices.iter().map(|it| it.depth).max().unwrap_or(0);
        let mut rows: Vec<Vec<usize>> = vec![Vec::new(); layers];
        for (number, vertex) in self.vertices.iter().enumerate() {
            rows[vertex.depth].push(number);
        }
        let widest = rows.iter().map(Vec::len).max().unwrap_or(0) as f64;
        let mut spots = vec![Spot { x: 0.0, y: 0.0, height: 0.0 }; self.vertices.len()];
        let mut y = GAP;
        for row in &mut rows {
            row.sort_by(|one, other| {
                self.above(*one, &spots).total_cmp(&self.above(*other, &spots))
            });
            let left = GAP + (widest - row.len() as f64) * (WIDTH + GAP) / 2.0;
            let tall = |number: &usize| LINE * self.vertices[*number].text.len() as f64 + 10.0;
            let height = row.iter().map(tall).fold(0.0, f64::max);
            for (place, number) in row.iter().enumerate() {
                let x = left + place as f64 * (WIDTH + GAP);
                spots[*number] = Spot { x, y, height };
            }
            y += height + STEP;
        }
        spots
    }

    /// The middle of the states of the layers above that lead to a state.
    fn above(&self, number: usize, spots: &[Spot]) -> f64 {
        let depth = self.vertices[number].depth;
        let leads = |edge: &&Edge| edge.to == number && self.vertices[edge.from].depth < depth;
        let places = self.edges.iter().filter(leads).map(|edge| spots[edge.from].x);
        let (count, sum) = places.fold((0.0, 0.0), |(count, sum), x| (count + 1.0, sum + x));
        if count > 0.0 { sum / count } else { 0.0 }
    }
}

fn draw_vertex(svg: &mut String, vertex: &Vertex, Spot { x, y, height }: Spot) {
    let class = if vertex.is_end { " class=\"end\"" } else { "" };
    writeln!(
        svg,
        "<g{class}><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>"
    )
    .expect("a text takes it");
    for (line, text) in vertex.text.iter().enumerate() {
        let (at, down) = (x + 8.0, y + LINE * (line as f64 + 1.0));
        writeln!(svg, "<text x=\"{at}\" y=\"{down}\">{}</text>", plain(text))
            .expect("a text takes it");
    }
    svg.push_str("</g>\n");
}

fn draw_edge(svg: &mut String, edge: &Edge, spots: &[Spot]) {
    let (from, to) = (spots[edge.from], spots[edge.to]);
    let (x1, x2) = (from.x + WIDTH / 2.0, to.x + WIDTH / 2.0);
    let down = to.y > from.y;
    let (y1, y2) = if down { (from.y + from.height, to.y) } else { (from.y, to.y + to.height) };
    // A step that does not lead to a later layer goes round by the side.
    let bow = if down { 0.0 } else { WIDTH };
    let (half, x, y) = ((y1 + y2) / 2.0, (x1 + x2) / 2.0 + bow * 0.75, (y1 + y2) / 2.0);
    let (one, other) = (x1 + bow, x2 + bow);
    writeln!(
        svg,
        "<path d=\"M{x1},{y1} C{one},{half} {other},{half} {x2},{y2}\" marker-end=\"url(#tip)\"/>\n\
         <text class=\"step\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
        plain(&edge.step)
    )
    .expect("a text takes it");
}

/// A text as it stands between two tags.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
