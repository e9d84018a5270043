//! Schemas that many requests and answers share, and documents with schemas in files.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ArrayBuilder, ObjectBuilder, Type},
    },
};

/// Defines texts with a pattern: name, description, pattern, example.
macro_rules! texts {
    ($($name:ident $text:literal $pattern:literal $example:literal;)+) => {$(
        #[doc = $text]
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String).description(Some($text));
                text.pattern(Some($pattern)).examples([$example]).build().into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

texts! {
    Id "An identifier." "^[a-z0-9][a-z0-9_.-]{0,63}$" "photos";
    BallotId "The id of a ballot: 16 bytes, base64url without padding." "^[A-Za-z0-9_-]{21}[AQgw]$" "AAAAAAAAAAAAAAAAAAAAAA";
    Instant "An instant in UTC, to the second." "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$" "2031-03-01T00:00:00Z";
    Sha256 "SHA-256, lowercase hex." "^[0-9a-f]{64}$" "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    Root "SHA-256, base64." "^[A-Za-z0-9+/]{43}=$" "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    Text "A text for people. Not blank. At most 5,000 bytes of UTF-8. Control characters except new line and tab, direction overrides and isolates, and U+FFFD are refused." "^[^\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\ufffd]*[^\\s\\x00-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\ufffd][^\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\ufffd]*$" "a complaint was upheld";
    Tile "`<level>/<number>` or `entries/<number>`, followed by `.p/<width>` if it is partial (tlog-tiles). `/` may be sent as `/` or as `%2F`." "^([0-5]|entries)/(x[0-9]{3}/){0,2}[0-9]{3}(\\.p/[0-9]{1,3})?$" "0/000.p/1";
}

/// Defines texts with fixed values: name, description, values.
macro_rules! words {
    ($($name:ident $text:literal [$($word:literal)+];)+) => {$(
        #[doc = $text]
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String).description(Some($text));
                text.enum_values(Some([$($word),+])).build().into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

words! {
    Phase "The phase of a contest." ["draft" "open" "closed" "frozen" "certified"];
    BallotState "The present status of a ballot." ["accepted" "recorded" "replaced" "voided" "rejected"];
    Role "The role of a staff key." ["organiser" "auditor" "gateway" "juror" "operator"];
    RevocationMode "Whether minting gives the voter a new pass (`replace`) or none (`bar`)." ["replace" "bar"];
    PanelKind "How a panel judges." ["score" "points" "rank"];
    TallyFormat "A form of the tally." ["json" "csv"];
    ResultFormat "A form of the result." ["json" "csv" "html"];
    ResultVersion "The version of a result." ["certified" "provisional"];
    ReceiptExtra "Extra data in a receipt." ["leaf-hash"];
}

/// A list of two texts.
pub(crate) struct Pair;

impl PartialSchema for Pair {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        ArrayBuilder::new().items(text).min_items(Some(2)).max_items(Some(2)).build().into()
    }
}

impl ToSchema for Pair {}

/// Defines documents that get their schemas from files (see [`super::DOCUMENTS`]).
macro_rules! documents {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new().build().into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

documents! {
    /// A contest's definition.
    Definition;
    /// A contest in an answer.
    Contest;
    /// The live tally.
    Tally;
    /// The new value of an amended key.
    Amendment;
    /// How subjects are compared.
    SubjectRules;
    /// The result of a contest, of either version.
    ResultDocument;
}
