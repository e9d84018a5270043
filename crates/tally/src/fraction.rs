//! Exact figures: fractions that are compared exactly. They are rounded only in print.

use num_bigint::{BigInt, Sign};
use num_integer::Integer as _;
use num_rational::Ratio;

/// An exact fraction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fraction(Ratio<BigInt>);

impl Fraction {
    /// `numerator / denominator`. A denominator of zero gives zero.
    pub(crate) fn new(numerator: BigInt, denominator: BigInt) -> Self {
        if denominator == BigInt::ZERO { Self::zero() } else { Self(Ratio::new_raw(numerator, denominator)) }
    }

    pub(crate) fn zero() -> Self {
        Self(Ratio::new_raw(BigInt::ZERO, BigInt::from(1_u32)))
    }

    pub(crate) fn is_zero(&self) -> bool {
        *self.0.numer() == BigInt::ZERO
    }

    /// Whether the fraction is above zero.
    pub(crate) fn is_positive(&self) -> bool {
        // Denominators are above zero.
        self.0.numer().sign() == Sign::Plus
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self(&self.0 + &other.0)
    }

    pub(crate) fn times(&self, factor: u64) -> Self {
        Self(&self.0 * BigInt::from(factor))
    }

    /// Divides by a figure. Division by zero gives zero.
    pub(crate) fn over(&self, other: &Self) -> Self {
        if other.is_zero() { Self::zero() } else { Self(&self.0 / &other.0) }
    }

    /// Rounds to two decimals, half up: `8.38`.
    ///
    /// Below zero, half up is also towards the greater figure: `-2.34` for -2.345.
    pub(crate) fn decimal(&self) -> String {
        self.rounded(100)
    }

    /// Rounds to a percentage with two decimals, half up: `51.90`.
    pub(crate) fn percent(&self) -> String {
        self.rounded(10_000)
    }

    /// The fraction in lowest terms: `10379/20000`, or `7` if it is whole.
    pub(crate) fn in_lowest_terms(&self) -> String {
        self.0.reduced().to_string()
    }

    fn rounded(&self, hundredths_of_one: u32) -> String {
        let (numerator, denominator) = (self.0.numer(), self.0.denom());
        let doubled: BigInt = numerator * hundredths_of_one * 2_u32 + denominator;
        let hundredths = doubled.div_floor(&(denominator * 2_u32));
        let sign = if hundredths.sign() == Sign::Minus { "-" } else { "" };
        let (whole, rest) = hundredths.magnitude().div_rem(&100_u32.into());
        // The remainder is from 0 to 99.
        format!("{sign}{whole}.{:0>2}", rest.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(numerator: u64, denominator: u64) -> Fraction {
        Fraction::new(numerator.into(), denominator.into())
    }

    #[test]
    fn figures_are_rounded_half_up_and_only_in_print() {
        for (numerator, denominator, percent, fraction) in [
            (0, 0, "0.00", "0"),
            (0, 7, "0.00", "0"),
            (1, 3, "33.33", "1/3"),
            (2, 3, "66.67", "2/3"),
            (10_379, 20_000, "51.90", "10379/20000"),
            (8_677, 20_000, "43.39", "8677/20000"),
            (1, 20_000, "0.01", "1/20000"),
            (1, 20_001, "0.00", "1/20001"),
            (6, 3, "200.00", "2"),
        ] {
            let figure = exact(numerator, denominator);
            assert_eq!(
                (figure.percent(), figure.in_lowest_terms()),
                (percent.to_owned(), fraction.to_owned())
            );
        }
        assert_eq!(exact(67, 8).decimal(), "8.38");
        assert!(exact(1, 3) > exact(333_333_333, 1_000_000_000));
        assert_eq!(exact(2, 6), exact(1, 3));
    }

    #[test]
    fn figures_below_zero_are_rounded_up_too() {
        let figure = |numerator: i64, denominator: u64| Fraction::new(numerator.into(), denominator.into());
        for (numerator, denominator, decimal, fraction) in [
            (-3, 2, "-1.50", "-3/2"),
            (-469, 200, "-2.34", "-469/200"),
            (-471, 200, "-2.35", "-471/200"),
            (-1, 200, "0.00", "-1/200"),
            (-1, 100, "-0.01", "-1/100"),
        ] {
            let figure = figure(numerator, denominator);
            assert_eq!((figure.decimal().as_str(), figure.in_lowest_terms().as_str()), (decimal, fraction));
            assert!(!figure.is_positive());
        }
    }

    #[test]
    fn sums_products_and_quotients_stay_exact() {
        let third = exact(1, 3);
        assert_eq!(third.plus(&third).plus(&third), exact(1, 1));
        assert_eq!(third.times(6).in_lowest_terms(), "2");
        assert_eq!(third.over(&exact(2, 3)), exact(1, 2));
        assert!(third.over(&Fraction::zero()).is_zero());
    }
}
