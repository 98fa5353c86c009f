//! Numbers and their places in a picture.

/// A scale between two places of the picture.
pub(super) struct Scale {
    is_log: bool,
    /// The numbers at its ends.
    range: (f64, f64),
    places: (f64, f64),
    step: f64,
}

impl Scale {
    /// For all of the values, as far as there is a place for them.
    pub(super) fn new(is_log: bool, values: impl Iterator<Item = f64>, places: (f64, f64)) -> Self {
        let values = values.filter(|value| value.is_finite() && (!is_log || *value > 0.0));
        let ends = values.fold((f64::MAX, f64::MIN), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        let (least, most) = match ends.0 <= ends.1 {
            true => ends,
            false => (1.0, 10.0),
        };
        let step = nice(most / 5.0);
        let range = match is_log {
            true => (1.0 / nice(1.0 / least), nice(most)),
            false => (0.0, (most / step).ceil().max(1.0) * step),
        };
        Self {
            is_log,
            // Something to divide by.
            range: (
                range.0,
                if range.1 > range.0 {
                    range.1
                } else {
                    range.0 * 10.0
                },
            ),
            places,
            step,
        }
    }

    /// Where a number is; none where the scale has no place for it.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let (first, last) = self.range;
        let part = match self.is_log {
            true => (value / first).ln() / (last / first).ln(),
            false => (value - first) / (last - first),
        };
        let (from, to) = self.places;
        part.is_finite().then_some(from + part * (to - from))
    }

    /// Round numbers, and where they are.
    pub(super) fn ticks(&self) -> Vec<(f64, f64)> {
        let (first, last) = self.range;
        let mut values = Vec::new();
        match self.is_log {
            true => {
                let mut power = 10f64.powf(first.log10().floor());
                // Few of them, where there are many powers of ten.
                let steps: &[f64] = match last / first > 3e3 {
                    true => &[1.0],
                    false => &[1.0, 2.0, 5.0],
                };
                while power <= last && values.len() < 100 {
                    values.extend(steps.iter().map(|step| step * power));
                    power *= 10.0;
                }
            }
            false => {
                let count = (last / self.step).round() as u32;
                values.extend((0..=count).map(|tick| f64::from(tick) * self.step));
            }
        }
        let slack = 1e-9;
        values.retain(|value| *value >= first * (1.0 - slack) && *value <= last * (1.0 + slack));
        let places = values.into_iter();
        places
            .filter_map(|value| Some((self.place(value)?, value)))
            .collect()
    }
}

/// A number of a scale.
pub(super) fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        size if size >= 1e6 => (value / 1e6, " M"),
        size if size >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let digits = format!("{value:.3}");
    format!(
        "{}{unit}",
        digits.trim_end_matches('0').trim_end_matches('.')
    )
}

/// The least of 1, 2 and 5, times a power of ten, that is not below a number.
pub(super) fn nice(least: f64) -> f64 {
    let least = least.max(1e-12);
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * power);
    // Not the next one for an error of rounding.
    let mut above = steps
        .into_iter()
        .filter(|step| *step >= least * (1.0 - 1e-9));
    above.next().unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn steps_are_round() {
        let least = [0.003, 1.0, 1.1, 2.0, 4.9, 5.1, 80.0, 1e6];
        let round = [0.005, 1.0, 2.0, 2.0, 5.0, 10.0, 100.0, 1e6];
        for (least, round) in least.into_iter().zip(round) {
            assert!((nice(least) / round - 1.0).abs() < 1e-9, "{least}");
        }
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 0.25, 1000.0, 20_000.0, 2_500_000.0].map(short);
        assert_eq!(texts, ["0", "0.25", "1000", "20 k", "2.5 M"]);
    }

    #[test]
    fn the_same_ratio_is_the_same_distance() {
        let scale = Scale::new(true, [1.0, 1000.0].into_iter(), (0.0, 300.0));
        for (value, at) in [(1.0, 0.0), (10.0, 100.0), (100.0, 200.0), (1000.0, 300.0)] {
            assert!((scale.place(value).unwrap() - at).abs() < 1e-6);
        }
        assert!(scale.place(0.0).is_none());
        assert_eq!(scale.ticks().len(), 10);
        let scale = Scale::new(false, [40.0].into_iter(), (100.0, 0.0));
        let ticks: Vec<_> = scale.ticks().into_iter().map(|tick| tick.1).collect();
        assert_eq!(ticks, [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(scale.place(10.0), Some(75.0));
    }
}
