/** The frame that is answered without waking the object, and its answer. */
export const heartbeatFrame = '{"type":"heartbeat"}';
