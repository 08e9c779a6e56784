//! `glass bench` from outside: every row with both engines, as a table and as JSON.

use std::process::{Command, Output};

use serde_json::Value;

fn bench(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_glass");
    let mut command = Command::new(program);
    command.arg("bench").args(args).env_remove("GLASS_ENGINE").env_remove("GLASS_ROW");
    command.output().expect("the program runs")
}

#[test]
fn json_has_every_run_of_every_row_and_all_of_them_got_on() {
    let output = bench(&["--seconds", "0.05", "--rounds", "2", "--format", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = report["rows"].as_array().expect("rows");
    let names: Vec<_> = rows.iter().map(|row| (&row["row"], &row["server"])).collect();
    let expected: Vec<(Value, Value)> = ["download", "upload", "keepalive", "connections"]
        .into_iter()
        .flat_map(|row| [(row.into(), "ours".into()), (row.into(), "smoltcp".into())])
        .collect();
    assert_eq!(names, expected.iter().map(|(row, server)| (row, server)).collect::<Vec<_>>());
    for row in rows {
        let runs = row["runs"].as_array().expect("runs");
        assert_eq!(runs.len(), 2, "{row}");
        for run in runs {
            for number in ["value", "packets_in", "packets_out"] {
                assert!(run[number].as_f64().is_some_and(|number| number > 0.0), "{number}: {row}");
            }
            assert_eq!(run["failures"], 0, "{row}");
        }
        let number = |name: &str| row[name].as_f64().expect("a number");
        assert!(number("min") <= number("median") && number("median") <= number("max"), "{row}");
        assert_eq!(row["ratio_to_smoltcp"].is_number(), row["server"] == "ours", "{row}");
    }
}

#[test]
fn a_table_of_what_was_asked_for() {
    let args = ["--seconds", "0.02", "--rounds", "1", "--row", "keepalive", "--engine", "ours"];
    let output = bench(&args);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success());
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.lines().nth(1).is_some_and(|line| line.starts_with("keepalive    ours")),
        "{text}"
    );
}

#[test]
fn a_row_that_is_not_there_is_a_mistake_of_use() {
    assert_eq!(bench(&["--row", "sidewise"]).status.code(), Some(2));
    assert_eq!(bench(&["--rounds", "0"]).status.code(), Some(2));
}
