//! Plots as SVG: bars and lines, no more. They are read on light and on dark pages, so they bring their background.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const COLOURS: [&str; 6] = [
    "#8c8c8c", "#4477aa", "#228833", "#ee6677", "#ccbb44", "#aa3377",
];
const FONT: &str = "font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\"";

/// One bar for each name.
pub fn bars(title: &str, values: &[(String, f64)]) -> String {
    const BAR: f64 = 22.0;
    const LEFT: f64 = 270.0;
    let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let mut svg = String::new();
    let mut y = 34.0;
    for (index, (name, value)) in values.iter().enumerate() {
        let width = value / most.max(f64::MIN_POSITIVE) * (WIDTH - LEFT - 90.0);
        let colour = COLOURS[index % COLOURS.len()];
        let (text_y, name) = (y + 15.0, escape(name));
        write!(
            svg,
            r#"<text x="{}" y="{text_y}" text-anchor="end" {FONT}>{name}</text><rect x="{LEFT}" y="{y}" width="{width:.1}" height="{}" fill="{colour}"/><text x="{:.1}" y="{text_y}" {FONT}>{}</text>"#,
            LEFT - 8.0,
            BAR - 4.0,
            LEFT + width + 6.0,
            figure(*value)
        )
        .ok();
        y += BAR;
    }
    frame(title, y + 10.0, &svg)
}

/// A line through points, for each name. The horizontal axis is logarithmic.
pub fn lines(title: &str, axis: &str, series: &[(String, Vec<(f64, f64)>)]) -> String {
    const LEFT: f64 = 70.0;
    const TOP: f64 = 40.0;
    const RIGHT: f64 = 540.0;
    const BOTTOM: f64 = 260.0;
    let points = || series.iter().flat_map(|(_, points)| points);
    let log = |x: f64| x.max(1.0).log10();
    let first = points().map(|(x, _)| log(*x)).fold(f64::INFINITY, f64::min);
    let last = points().map(|(x, _)| log(*x)).fold(0.0, f64::max);
    let most = points().map(|(_, y)| *y).fold(f64::MIN_POSITIVE, f64::max);
    let place = |x: f64, y: f64| {
        let across = (log(x) - first) / (last - first).max(f64::EPSILON);
        (
            LEFT + across * (RIGHT - LEFT),
            BOTTOM - y / most * (BOTTOM - TOP),
        )
    };
    let mut svg = format!(
        r##"<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="#222"/><text x="{}" y="{}" text-anchor="end" {FONT}>{}</text><text x="{}" y="{BOTTOM}" text-anchor="end" {FONT}>0</text><text x="{}" y="{}" text-anchor="middle" {FONT}>{}</text>"##,
        LEFT - 6.0,
        TOP + 5.0,
        figure(most),
        LEFT - 6.0,
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 38.0,
        escape(axis)
    );
    let mut ticks: Vec<f64> = points().map(|(x, _)| *x).collect();
    ticks.sort_by(f64::total_cmp);
    ticks.dedup();
    for tick in ticks {
        let (x, _) = place(tick, 0.0);
        write!(
            svg,
            r#"<text x="{x:.1}" y="{}" text-anchor="middle" {FONT}>{}</text>"#,
            BOTTOM + 18.0,
            figure(tick)
        )
        .ok();
    }
    for (index, (name, points)) in series.iter().enumerate() {
        let colour = COLOURS[(index + 1) % COLOURS.len()];
        let mut path = String::new();
        for (x, y) in points {
            let (x, y) = place(*x, *y);
            write!(path, "{x:.1},{y:.1} ").ok();
            write!(
                svg,
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{colour}"/>"#
            )
            .ok();
        }
        let y = TOP + 18.0 * precise(index);
        write!(
            svg,
            r#"<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/><rect x="{}" y="{}" width="10" height="10" fill="{colour}"/><text x="{}" y="{}" {FONT}>{}</text>"#,
            RIGHT + 14.0,
            y - 9.0,
            RIGHT + 30.0,
            y,
            escape(name)
        )
        .ok();
    }
    frame(title, BOTTOM + 50.0, &svg)
}

fn frame(title: &str, height: f64, content: &str) -> String {
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"><rect width="100%" height="100%" fill="#fff"/><text x="14" y="22" {FONT} font-weight="bold">{}</text>{content}</svg>
"##,
        escape(title)
    )
}

/// A figure with three or four digits that mean something.
pub fn figure(value: f64) -> String {
    match value.abs() {
        large if large >= 1_000_000.0 => format!("{:.2} M", value / 1_000_000.0),
        large if large >= 1_000.0 => thousands(value),
        medium if medium >= 10.0 => format!("{value:.0}"),
        small if small >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (front, back) = digits.split_at(digits.len() - 3);
    format!("{front},{back}")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn precise(index: usize) -> f64 {
    f64::from(u32::try_from(index).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_mean_something() {
        assert_eq!(figure(20_953.4), "20,953");
        assert_eq!(figure(1_000_000.0), "1.00 M");
        assert_eq!(figure(97.6), "98");
        assert_eq!(figure(0.0351), "0.035");
    }

    #[test]
    fn a_plot_names_all_it_shows() {
        let bars = bars(
            "requests/s",
            &[("a < b".to_owned(), 2.0), ("c".to_owned(), 0.0)],
        );
        let lines = lines(
            "drain",
            "backlog",
            &[("ours".to_owned(), vec![(10.0, 1.0), (100.0, 2.0)])],
        );

        assert!(bars.contains("a &lt; b") && bars.contains("requests/s"));
        assert!(lines.contains("ours") && lines.contains("backlog"));
    }
}
