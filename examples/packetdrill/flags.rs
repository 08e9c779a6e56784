//! What `--so_flags` says: `profile=linux,local_ip=192.168.0.1,net.ipv4.tcp_ecn=1`.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::ValueEnum;
use glasstack::drill::Profile;
use glasstack::drill::host::Habits;
use glasstack::drill::plan::apply_sysctl;
use glasstack::stack::Settings;

/// The keys there are.
const KEYS: &str = "`profile`, `local_ip`, `mtu`, `receive_buffer`, `send_buffer`, `window_shift`, \
                    `timestamps`, `sack`, and the sysctls of docs/drill.md by their names";

/// The settings of a host.
#[derive(Debug)]
pub(crate) struct Flags {
    /// What its sockets start from: those of the profile, and what the flags change.
    pub(crate) settings: Settings,
    /// How its calls behave: as the profile's, and what the flags change.
    pub(crate) habits: Habits,
    /// Its address; `None`: the first one that a socket is bound to.
    pub(crate) local_ip: Option<IpAddr>,
    /// The longest packet it sends, in octets: from what an IPv4 host must accept (RFC 791 3.1) to the
    /// longest there is.
    pub(crate) mtu: usize,
}

impl Flags {
    fn of(profile: Profile) -> Self {
        let (settings, habits) = (profile.settings(), profile.habits());
        Flags { settings, habits, local_ip: None, mtu: 1500 }
    }

    /// Reads flags. The error is for people.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pairs = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let Some((key, value)) = word.split_once('=') else {
                return Err(format!("`{word}` is not of the form key=value"));
            };
            pairs.push((key.trim(), value.trim()));
        }
        // The profile is where the others start from, wherever it stands. Most public scripts are for Linux.
        let profile = pairs.iter().rfind(|(key, _)| *key == "profile");
        let profile = profile.map_or(Ok(Profile::Linux), |(_, name)| profile_named(name))?;
        let mut flags = Flags::of(profile);
        for (key, value) in pairs {
            flags.set(key, value)?;
        }
        Ok(flags)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let tcp = &mut self.settings.tcp;
        match key {
            "profile" => {}
            "local_ip" => {
                let addr = value.parse().map_err(|_| format!("`{value}` is no address"))?;
                self.local_ip = Some(addr);
            }
            "mtu" => self.mtu = number(key, value, 68..=65_535)?,
            "receive_buffer" => tcp.receive_buffer = number(key, value, 1..=1 << 30)?,
            "send_buffer" => tcp.send_buffer = number(key, value, 1..=1 << 30)?,
            "window_shift" => tcp.window_shift = Some(number(key, value, 0..=14)?),
            "timestamps" => tcp.timestamps = number::<u8>(key, value, 0..=1)? == 1,
            "sack" => tcp.sack = number::<u8>(key, value, 0..=1)? == 1,
            // Nothing but a sysctl has a dot in its name.
            _ if key.contains('.') => {
                apply_sysctl(&mut self.settings, &mut self.habits, key, value)?;
            }
            _ => return Err(format!("no key `{key}`; there are {KEYS}")),
        }
        Ok(())
    }
}

fn profile_named(name: &str) -> Result<Profile, String> {
    let known = Profile::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let known: Vec<_> = known.map(|value| format!("`{}`", value.get_name())).collect();
    Profile::from_str(name, true)
        .map_err(|_| format!("no profile `{name}`; there are {}", known.join(", ")))
}

fn number<N>(key: &str, value: &str, range: RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    match value.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        Ok(_) | Err(_) => {
            let (least, most) = range.into_inner();
            Err(format!("`{key}={value}` is not a number from {least} to {most}"))
        }
    }
}
