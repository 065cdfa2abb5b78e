//! The result: a table for people, JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write;

use hdrhistogram::Histogram;

use super::workload::Measure;
use super::{Run, histogram};

/// What all rounds gave.
pub(crate) struct Report {
    targets: Vec<String>,
    results: BTreeMap<(Measure, usize), Total>,
}

struct Total {
    /// Operations per second of each round.
    rates: Vec<f64>,
    latencies: Histogram<u64>,
}

impl Report {
    /// An empty report on these targets.
    pub(crate) fn new(targets: Vec<String>) -> Self {
        Self { targets, results: BTreeMap::new() }
    }

    /// Adds a round of a measure on the target of this number.
    pub(crate) fn add(&mut self, measure: Measure, target: usize, run: Run) {
        let new = || Total { rates: Vec::new(), latencies: histogram() };
        let total = self.results.entry((measure, target)).or_insert_with(new);
        total.rates.push(run.count as f64 / run.elapsed.as_secs_f64());
        total.latencies.add(run.latencies).expect("all histograms have the same bounds");
    }

    /// The table: for every measure a line per target, then how many times better the first is.
    pub(crate) fn table(&self) -> String {
        let width = self.targets.iter().map(String::len).max().unwrap_or(0).max(6);
        let mut out = format!(
            "{:<12} {:<width$} {:>12} {:>10} {:>10} {:>10}\n",
            "workload", "target", "per second", "p50", "p99", "p99.9"
        );
        for (&(measure, target), total) in &self.results {
            let [p50, p99, p999] = total.percentiles().map(duration);
            let (name, rate) = (&self.targets[target], thousands(total.rate()));
            let line = writeln!(
                out,
                "{measure:<12} {name:<width$} {rate:>12} {p50:>10} {p99:>10} {p999:>10}"
            );
            line.expect("a string takes everything");
            if target > 0 {
                out += &self.ratio_line(measure, width);
            }
        }
        out
    }

    fn ratio_line(&self, measure: Measure, width: usize) -> String {
        let [rate, p50, p99, p999] = self
            .ratios(measure)
            .map(|ratio| ratio.map_or("-".into(), |ratio| format!("{ratio:.2}x")));
        format!("{:<12} {:<width$} {rate:>12} {p50:>10} {p99:>10} {p999:>10}\n", "", "ratio")
    }

    /// The first target by the second: rate, p50, p99, p99.9. Nothing where there is nothing to
    /// divide by.
    fn ratios(&self, measure: Measure) -> [Option<f64>; 4] {
        let divide = |a: f64, b: f64| (b > 0.0).then(|| a / b);
        let (Some(first), Some(second)) =
            (self.results.get(&(measure, 0)), self.results.get(&(measure, 1)))
        else {
            return [None; 4];
        };
        let (a, b) = (first.percentiles(), second.percentiles());
        let latency = |n: usize| divide(a[n] as f64, b[n] as f64);
        [divide(first.rate(), second.rate()), latency(0), latency(1), latency(2)]
    }

    /// One object per measure and target, latencies in microseconds.
    pub(crate) fn json(&self) -> String {
        let object = |(&(measure, target), total): (&(Measure, usize), &Total)| {
            let [p50, p99, p999] = total.percentiles().map(|ns| ns as f64 / 1000.0);
            let mut value = serde_json::json!({
                "workload": measure.to_string(),
                "target": self.targets[target],
                "per_second": total.rate(),
                "rounds": total.rates,
                "operations": total.latencies.len(),
                "p50_us": p50,
                "p99_us": p99,
                "p999_us": p999,
            });
            if target == 0 && self.targets.len() > 1 {
                let [rate, p50, p99, p999] = self.ratios(measure);
                value["ratio"] = serde_json::json!({
                    "per_second": rate, "p50": p50, "p99": p99, "p999": p999,
                });
            }
            value
        };
        serde_json::Value::Array(self.results.iter().map(object).collect()).to_string()
    }
}

impl Total {
    /// The median of the rounds.
    fn rate(&self) -> f64 {
        let mut rates = self.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    }

    /// p50, p99, p99.9 over all rounds, in ns.
    fn percentiles(&self) -> [u64; 3] {
        [0.5, 0.99, 0.999].map(|quantile| self.latencies.value_at_quantile(quantile))
    }
}

fn thousands(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn duration(ns: u64) -> String {
    match ns as f64 {
        ns if ns < 1e6 => format!("{:.0} us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}
