//! Source routes of connections (RFC 9293 3.9.2.1): the ways that their segments came, and go back by. How they
//! are read and written is in `wire/route.rs`; what an application chooses is in its [`super::Settings`].

use std::sync::Arc;

use super::{FourTuple, Stack};
use crate::trace::Role;
use crate::wire::ip::{self, Datagram};
use crate::wire::{Arrival, Segment, SourceRoute};

impl Stack {
    /// Whether a packet came by a source route that is not wanted, or leads on from here.
    pub(super) fn refuses_route(&self, datagram: &Datagram) -> bool {
        match arrival(datagram) {
            Some(Arrival::Complete(_)) => !self.config.source_routes,
            Some(Arrival::Unusable) => true,
            None => false,
        }
    }

    /// The way back that came with a segment, before it is acted on. If it belongs to a connection that would
    /// not take it, its sender may be anybody, and has nothing to say about the way.
    pub(super) fn route_back(
        &mut self,
        datagram: &Datagram,
        tuple: &FourTuple,
        segment: &Segment,
    ) -> Option<SourceRoute> {
        let Arrival::Complete(route) = arrival(datagram)? else { return None };
        let slot = self.connections.find(tuple);
        slot.is_none_or(|slot| self.connections.at(slot).tcb.believes(segment)).then_some(route)
    }

    /// A connection that the peer has opened answers by the way that was heard last (MUST-53, SHLD-24), unless
    /// the application has chosen another (MUST-52).
    pub(super) fn learn_route(&mut self, tuple: &FourTuple, route: SourceRoute) {
        let Some(slot) = self.connections.find(tuple) else { return };
        if self.connections.at(slot).tcb.role() != Role::Passive {
            return;
        }
        let own = self.own_settings.of(slot);
        if own.is_some_and(|own| own.route.as_ref() == Some(&route)) {
            return;
        }
        let mut settings = own.cloned().unwrap_or_else(|| self.default_settings());
        if settings.route.as_ref().is_none_or(SourceRoute::is_learned) {
            settings.route = Some(route);
            self.own_settings.set(slot, Arc::new(settings));
        }
    }
}

/// What the route of a packet says; hardly any has options.
fn arrival(datagram: &Datagram) -> Option<Arrival> {
    let has_options = datagram.header.len() > ip::header_len(datagram.dst);
    (has_options && datagram.dst.is_ipv4()).then(|| SourceRoute::of(&datagram.header))?
}
