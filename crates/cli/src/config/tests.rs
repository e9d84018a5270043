//! Tests of the configuration: what the environment sets, and how mistakes are named.

use std::{fs, path::Path};

use toml::{Table, Value};

use super::{Config, PREFIX, Postgres, Redis, SECRET, SECTIONS, apply_variable};

#[test]
fn environment_overrides_file_and_unknown_keys_fail() {
    let mut table: Table = "[server]\nlisten = \"127.0.0.1:1\"\n".parse().unwrap();
    apply_variable(&mut table, "ACCLAIM_SERVER_LISTEN", "127.0.0.1:9").unwrap();
    apply_variable(&mut table, "ACCLAIM_LIMITS_PER_PASS", "7").unwrap();
    apply_variable(&mut table, "ACCLAIM_KEY", "secret").unwrap();
    let config: Config = Value::Table(table.clone()).try_into().unwrap();
    assert_eq!((config.server.listen.port(), config.limits.per_pass.get()), (9, 7));
    apply_variable(&mut table, "ACCLAIM_SERVER_LISTNE", "x").unwrap();
    let error = Value::Table(table).try_into::<Config>().unwrap_err();
    assert!(error.to_string().contains("listne"), "{error}");
}

/// Lists the environment variables, which come from the error message about an unknown key of
/// each section.
#[test]
fn variables_of_the_environment_are_those_they_were() {
    let mut names = vec!["ACCLAIM_WITNESSES".to_owned(), SECRET.to_owned()];
    for section in SECTIONS {
        let error = format!("[{section}]\n\"?\" = 1").parse::<Table>().unwrap().try_into::<Config>();
        let message = error.unwrap_err().to_string();
        let (_, expected) = message.split_once("expected ").unwrap();
        let keys = expected.lines().next().unwrap_or_default().split('`').skip(1).step_by(2);
        names.extend(keys.map(|key| format!("{PREFIX}{section}_{key}").to_uppercase()));
    }
    insta::assert_snapshot!(names.join("\n"));
}

#[test]
fn reads_addresses_as_networks_and_names_bad_values() {
    let read = |list: &str| {
        let mut table = Table::new();
        apply_variable(&mut table, "ACCLAIM_LIMITS_TRUSTED_PROXIES", list).unwrap();
        Value::Table(table).try_into::<Config>()
    };
    let config = read(r#"["127.0.0.1", "10.0.0.0/8", "::1"]"#).unwrap();
    let networks: Vec<String> = config.limits.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]);
    let error = read(r#"["10.0.0.0/33"]"#).unwrap_err().to_string();
    assert!(error.contains("10.0.0.0/33") && error.contains("trusted_proxies"), "{error}");
}

#[test]
fn names_key_of_bad_base_path_or_origin() {
    let error = |name: &str, value: &str| {
        let mut table = Table::new();
        apply_variable(&mut table, name, value).unwrap();
        let config: Config = Value::Table(table).try_into().unwrap();
        format!("{:#}", config.api().err().unwrap())
    };
    assert!(
        error("ACCLAIM_SERVER_BASE_PATH", "/v1").starts_with("`server.base_path`: `/v1` is not a base path")
    );
    let origin = error("ACCLAIM_SERVER_CORS_ORIGINS", r#"["example.org"]"#);
    assert!(origin.starts_with("`server.cors_origins`: `example.org` is not an origin"), "{origin}");
}

#[test]
fn names_key_of_bad_witness() {
    const ONE: &str =
        "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G";
    let read = |list: &str| {
        let mut table = Table::new();
        apply_variable(&mut table, "ACCLAIM_WITNESSES", list)?;
        Value::Table(table).try_into::<Config>()?.witnesses()
    };
    let witness = |url: &str, vkey: &str| format!("{{ url = \"{url}\", vkey = \"{vkey}\" }}");
    let good = witness("https://witness.example.org", ONE);
    assert_eq!(read(&format!("[{good}]")).unwrap().len(), 1);
    let log = "vote.example.org/photo-2021+9049215d+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
    for (list, expected) in [
        (format!("[{good}, {good}]"), "witnesses[1].vkey"),
        (format!("[{}]", witness("https://witness.example.org", log)), "witnesses[0].vkey"),
        (format!("[{}]", witness("witness.example.org", ONE)), "witnesses[0].url"),
        ("[{ url = \"https://w\" }]".to_owned(), "vkey"),
        ("[{ url = \"https://w\", vkey = \"\", name = \"\" }]".to_owned(), "name"),
        (format!("[{}]", [&*good; 17].join(",")), "more than 16"),
        ("nonsense".to_owned(), "ACCLAIM_WITNESSES"),
    ] {
        let error = read(&list).unwrap_err();
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }
}

#[test]
fn names_key_of_unreadable_ca_file() {
    let read = |file: &Path| {
        let url = |scheme| Some(format!("{scheme}://h"));
        let redis = Redis { url: url("rediss"), ca_file: Some(file.to_owned()), ..Redis::default() };
        let postgres = Postgres { url: url("postgres"), ..Postgres::default() };
        Config { redis, postgres, ..Config::default() }.cluster()
    };
    let folder = tempfile::tempdir().unwrap();
    let Err(error) = read(&folder.path().join("none")) else { panic!("read") };
    assert!(format!("{error:#}").contains("redis.ca_file"), "{error:#}");
    let file = folder.path().join("authority");
    fs::write(&file, "PEM").unwrap();
    assert_eq!(read(&file).unwrap().unwrap().redis.authority.unwrap(), b"PEM");
}
