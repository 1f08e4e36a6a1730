// The gateway has no option for its address: make every listen() take 127.0.0.1.
import net from 'node:net';

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  const [first] = given;
  if (typeof first === 'object' && first !== null) {
    return listen.call(this, { ...first, host: '127.0.0.1' }, ...given.slice(1));
  }
  const ready = given.find((argument) => typeof argument === 'function');
  return listen.call(this, { port: Number(first), host: '127.0.0.1' }, ...(ready ? [ready] : []));
};
