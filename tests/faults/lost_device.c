/* A Vulkan driver that is Mesa's lavapipe but for its device, which is lost: LOSES of them, each at the tenth question how far it
   is. It stands between the loader and the driver, and needs no headers of either. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef void (*Function)(void);
typedef Function (*Finder)(void *, const char *);
typedef int32_t (*Wait)(void *, const void *, uint64_t);
typedef int32_t (*Count)(void *, uint64_t, uint64_t *);
typedef int32_t (*Negotiate)(uint32_t *);

static const int32_t DEVICE_LOST = -4;
static Finder in_instance, in_device;
static Wait wait_real;
static Count count_real;

static int is_lost(void *device) {
    static void *lost;
    static int asked, losses;
    if (device == lost) return 1;
    if (losses == atoi(getenv("LOSES")) || ++asked < 10) return 0;
    lost = device;
    asked = 0;
    losses++;
    return 1;
}

static int32_t wait_semaphores(void *device, const void *which, uint64_t nanos) {
    return is_lost(device) ? DEVICE_LOST : wait_real(device, which, nanos);
}

static int32_t count_semaphore(void *device, uint64_t which, uint64_t *count) {
    return is_lost(device) ? DEVICE_LOST : count_real(device, which, count);
}

static Function replaced(const char *name, Function real) {
    if (real && !strncmp(name, "vkWaitSemaphores", 16)) {
        wait_real = (Wait)real;
        return (Function)wait_semaphores;
    }
    if (real && !strncmp(name, "vkGetSemaphoreCounterValue", 26)) {
        count_real = (Count)real;
        return (Function)count_semaphore;
    }
    return real;
}

static Function find_in_device(void *device, const char *name) {
    return replaced(name, in_device(device, name));
}

static void *real(const char *name) {
    void *driver = dlopen("libvulkan_lvp.so", RTLD_NOW);
    return driver ? dlsym(driver, name) : NULL;
}

int32_t vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
    Negotiate negotiate = (Negotiate)real("vk_icdNegotiateLoaderICDInterfaceVersion");
    in_instance = (Finder)real("vk_icdGetInstanceProcAddr");
    return negotiate && in_instance ? negotiate(version) : -1;
}

Function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
    Finder find = (Finder)real("vk_icdGetPhysicalDeviceProcAddr");
    return find ? find(instance, name) : NULL;
}

Function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
    Function found = in_instance(instance, name);
    if (found && !strcmp(name, "vkGetDeviceProcAddr")) {
        in_device = (Finder)found;
        return (Function)find_in_device;
    }
    return replaced(name, found);
}
