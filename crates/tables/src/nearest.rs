//! Which known name was probably meant.

/// How similar two names must be, from 0 to 1, for one to be suggested for the other.
const MIN_SIMILARITY: f64 = 0.6;
/// The most characters of a name that are compared.
const MAX_COMPARED: usize = 200;

/// Of some known names the one that is most like `name`, case aside, if it is like it. Of equally similar ones the first.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| -> String { name.trim().to_lowercase().chars().take(MAX_COMPARED).collect() };
    let wanted = plain(name);
    let rated = known
        .into_iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(&wanted, &plain(known)), known))
        .filter(|(rating, _)| *rating >= MIN_SIMILARITY);
    rated.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, known)| known)
}

/// `; did you mean "summary"?`, or nothing if no known name is near.
#[must_use]
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |known| format!("; did you mean {known:?}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let columns = ["id", "category", "title", "summary", "image", "url"];
        assert_eq!(nearest("sumary", columns), Some("summary"));
        assert_eq!(nearest(" Tilte", columns), Some("title"));
        assert_eq!(nearest("Email", columns), None);
        assert_eq!(did_you_mean("catgory", columns), "; did you mean \"category\"?");
    }
}
