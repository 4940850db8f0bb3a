/** The frame that the platform answers without waking the object, and its answer. */
export const heartbeatFrame = '{"type":"heartbeat"}';
