//! Figures of samples.

/// The middle one; 0 of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The least and the largest; 0 of none.
pub(crate) fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let mut values = values.into_iter();
    let Some(first) = values.next() else {
        return (0.0, 0.0);
    };
    values.fold((first, first), |(least, most), value| {
        (least.min(value), most.max(value))
    })
}

/// The line through points that has the least squares: its slope, and its value
/// at 0.
pub(crate) fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len().max(1) as f64;
    let mean_x = points.iter().map(|point| point.0).sum::<f64>() / count;
    let mean_y = points.iter().map(|point| point.1).sum::<f64>() / count;
    let squares: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let products = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y));
    let slope = match squares > 0.0 {
        true => products.sum::<f64>() / squares,
        false => 0.0,
    };
    (slope, mean_y - slope * mean_x)
}

/// The median of the slopes of all pairs of points: a few that are far off do
/// not change it (the estimator of Theil and Sen).
pub(crate) fn robust_slope(points: &[(f64, f64)]) -> f64 {
    let pairs = points.iter().enumerate().flat_map(|(index, (x, y))| {
        let later = points.iter().skip(index + 1);
        later.map(move |(later_x, later_y)| (later_y - y) / (later_x - x))
    });
    median(pairs)
}

/// The middles of spans of so many seconds, with the median of each.
pub(crate) fn medians(points: &[(f64, f64)], span: f64) -> Vec<(f64, f64)> {
    let same = |a: &(f64, f64), b: &(f64, f64)| (a.0 / span).floor() == (b.0 / span).floor();
    let spans = points.chunk_by(same);
    spans
        .filter_map(|points| {
            let (first, _) = points.first()?;
            let middle = ((first / span).floor() + 0.5) * span;
            Some((middle, median(points.iter().map(|point| point.1))))
        })
        .collect()
}
