//! What can differ between the connections of one stack: each has the stack's settings, or its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Handle, Input, ListenerId, Stack};
use crate::tcp;
use crate::time::Instant;
use crate::wire::{HeaderStyle, SourceRoute};

/// The settings of one connection, or of those that a listener takes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// Of the TCP machine.
    pub tcp: tcp::Config,
    /// Of the headers it sends.
    pub header: HeaderStyle,
    /// The hosts that its packets pass on their way, over IPv4 (RFC 9293 3.9.2.1, MUST-51). What is chosen
    /// here comes before what arrives (MUST-52). Default none.
    pub route: Option<SourceRoute>,
}

impl Settings {
    /// What follows from the route is in the settings of the TCP machine.
    fn ready(mut settings: Arc<Settings>) -> Arc<Settings> {
        let octets = settings.route.as_ref().map_or(0, SourceRoute::octets);
        if settings.tcp.ip_options != octets {
            Arc::make_mut(&mut settings).tcp.ip_options = octets;
        }
        settings
    }
}

/// Settings by slot, for the connections that have their own. Those of one listener share them.
#[derive(Debug, Default)]
pub(super) struct OwnSettings {
    by_slot: BTreeMap<u32, Arc<Settings>>,
}

impl OwnSettings {
    pub(super) fn of(&self, slot: u32) -> Option<&Settings> {
        self.by_slot.get(&slot).map(|settings| &**settings)
    }

    pub(super) fn set(&mut self, slot: u32, settings: Arc<Settings>) {
        self.by_slot.insert(slot, Settings::ready(settings));
    }

    pub(super) fn take(&mut self, slot: u32) -> Option<Arc<Settings>> {
        self.by_slot.remove(&slot)
    }
}

impl Stack {
    /// What connections start from that are given no settings of their own.
    #[must_use]
    pub fn default_settings(&self) -> Settings {
        Settings { tcp: self.config.tcp.clone(), header: self.config.header, route: None }
    }

    /// The settings of a connection; the stack's for a handle that means nothing any more.
    #[must_use]
    pub fn settings(&self, handle: Handle) -> Settings {
        let own = self.connections.get(handle).and_then(|_| self.own_settings.of(handle.slot));
        own.cloned().unwrap_or_else(|| self.default_settings())
    }

    /// Gives a connection settings of its own. A window once offered stays offered: the receive buffer
    /// becomes no smaller than that. What the two SYNs agree on cannot be changed after them.
    pub fn configure(&mut self, handle: Handle, mut settings: Settings, now: Instant) {
        self.note(now, || Input::Configure(handle, Box::new(settings.clone())));
        let old = self.settings(handle);
        let Some(connection) = self.connections.get(handle) else { return };
        let offered = connection.tcb.offered_buffer();
        settings.tcp.receive_buffer = settings.tcp.receive_buffer.max(offered);
        let new = settings.tcp.clone();
        self.own_settings.set(handle.slot, Arc::new(settings));
        let (connection, mut cx) = self.with_context(handle.slot, now);
        if old.tcp.nagle != new.nagle {
            connection.tcb.set_nodelay(!new.nagle);
        }
        if old.tcp.keepalive != new.keepalive {
            connection.tcb.set_keepalive(new.keepalive, &mut cx);
        }
        if old.tcp.congestion != new.congestion {
            connection.tcb.set_congestion(new.congestion, &cx);
        }
        if old.tcp.user_timeout != new.user_timeout {
            connection.tcb.set_user_timeout(new.user_timeout, &mut cx);
        }
        self.mark_dirty(handle.slot);
    }

    /// Gives those that a listener takes on from now on settings of their own.
    pub fn configure_listener(&mut self, id: ListenerId, settings: Settings) {
        self.note(self.last_input, || Input::ConfigureListener(id, Box::new(settings.clone())));
        if let Some(listener) = self.listeners.get_mut(id) {
            listener.settings = Some(Settings::ready(Arc::new(settings)));
        }
    }

    /// The settings of the TCP machine for the connection in `slot`.
    pub(super) fn tcp_config(&self, slot: u32) -> &tcp::Config {
        self.own_settings.of(slot).map_or(&self.config.tcp, |own| &own.tcp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cleared_takes_no_room() {
        let mut own = OwnSettings::default();
        own.set(7, Arc::default());
        own.set(3, Arc::default());
        assert!(own.of(7).is_some() && own.of(5).is_none() && own.of(100).is_none());
        own.take(7);
        assert_eq!(own.by_slot.len(), 1);
        own.take(3);
        assert!(own.by_slot.is_empty());
    }
}
