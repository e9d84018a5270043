//! Suggests the known name that the author probably meant.

/// The minimum similarity of two names, from 0 to 1, for a suggestion (normalized
/// Damerau-Levenshtein).
const MIN_SIMILARITY: f64 = 0.6;
/// The maximum number of characters of a name that are compared.
const MAX_COMPARED: usize = 200;

/// Returns the known name that is most similar to `name`, ignoring case.
///
/// `None` if no known name is similar enough. The first wins if several are equally similar.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| -> String { name.trim().to_lowercase().chars().take(MAX_COMPARED).collect() };
    let plain_name = plain(name);
    let rated = known
        .into_iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(&plain_name, &plain(known)), known))
        .filter(|(rating, _)| *rating >= MIN_SIMILARITY);
    rated.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, known)| known)
}

/// Returns `; did you mean "summary"?`, or an empty text if no known name is near.
#[must_use]
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |known| format!("; did you mean {known:?}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_similar_names() {
        let columns = ["id", "category", "title", "summary", "image", "url"];
        assert_eq!(nearest("sumary", columns), Some("summary"));
        assert_eq!(nearest(" Tilte", columns), Some("title"));
        assert_eq!(nearest("Email", columns), None);
        assert_eq!(did_you_mean("catgory", columns), "; did you mean \"category\"?");
    }
}
