// The microphone: int16 pieces at 16 kHz for the server, and an analyser for the views.

export async function openMicrophone(take) {
  if (!navigator.mediaDevices) {
    throw new Error("This browser records only from https or localhost. Start asr serve with --certificate and --key.");
  }
  const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio });
  const context = new AudioContext();
  await context.audioWorklet.addModule("worklet.js");
  const source = context.createMediaStreamSource(stream);
  const analyser = new AnalyserNode(context, { fftSize: 1024, smoothingTimeConstant: 0, minDecibels: -100, maxDecibels: -20 });
  const resampler = new AudioWorkletNode(context, "resampler", { numberOfOutputs: 0 });
  resampler.port.onmessage = (event) => take(event.data);
  source.connect(analyser);
  source.connect(resampler);
  await context.resume();
  return {
    analyser,
    rate: context.sampleRate,
    ended: new Promise((resolve) => stream.getTracks()[0].addEventListener("ended", resolve)),
    close() {
      stream.getTracks().forEach((track) => track.stop());
      context.close();
    },
  };
}
