// One H.264 file, read once for all readers of rtsp://127.0.0.1:PORT/clip: what live555 has that is nearest to a live
// camera, and the fair peer of a server that packetizes once. Usage: live555_shared FILE.264 PORT
#include "BasicUsageEnvironment.hh"
#include "liveMedia.hh"

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s FILE.264 PORT\n", argv[0]);
    return 2;
  }
  OutPacketBuffer::maxSize = 2000000;  // a key frame at 8 Mbit/s is larger than the default of 60 kB
  TaskScheduler* scheduler = BasicTaskScheduler::createNew();
  UsageEnvironment* environment = BasicUsageEnvironment::createNew(*scheduler);
  RTSPServer* server = RTSPServer::createNew(*environment, static_cast<unsigned short>(std::atoi(argv[2])));
  if (server == nullptr) {
    std::fprintf(stderr, "cannot listen: %s\n", environment->getResultMsg());
    return 1;
  }
  ServerMediaSession* clip = ServerMediaSession::createNew(*environment, "clip", "clip", "benchmark");
  const Boolean is_source_shared = True;
  clip->addSubsession(H264VideoFileServerMediaSubsession::createNew(*environment, argv[1], is_source_shared));
  server->addServerMediaSession(clip);
  environment->taskScheduler().doEventLoop();
}
